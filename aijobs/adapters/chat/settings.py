"""What an operator may set about the language model."""

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.llm import ModelTerms
from aijobs.domain.values.durations import Duration
from aijobs.domain.values.money import CURRENCY
from aijobs.domain.values.secret_forms import Token


class ChatSettings(BaseModel):
    """The model is enabled when a token is set. Endpoints that need none, such as Ollama, accept any."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = "https://api.openai.com/v1"
    model: str = Field(default="gpt-5.4", min_length=1)
    structured: Literal["json_schema", "json_object", "off"] = "json_schema"  #: DeepSeek knows `json_object` only
    send_files: bool = False  #: a PDF is sent as a file, not as its text
    vision: bool = True  #: the model reviews photos; otherwise they are only measured
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_output_tokens: int | None = Field(default=None, ge=1)
    window: int = Field(default=128_000, ge=2_000)  #: tokens of a question and its answer together
    currency: str = Field(default="USD", pattern=CURRENCY)  #: of the prices
    #: Prices of a million tokens; 0 for a model that is free.
    price_in: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    price_out: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    silence: Duration = timedelta(minutes=2)  #: between two pieces of an answer, or before the first
    whole: Duration = timedelta(minutes=20)  #: for one answer

    @property
    def terms(self) -> ModelTerms:
        return ModelTerms(
            window=self.window,
            max_output_tokens=self.max_output_tokens,
            price_in=self.price_in,
            price_out=self.price_out,
        )
