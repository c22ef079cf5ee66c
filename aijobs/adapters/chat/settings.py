"""What an operator may set about the language model."""

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.values.durations import Duration
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
    price_in: float = Field(default=0.0, ge=0)  #: of a million tokens, in any currency
    price_out: float = Field(default=0.0, ge=0)
    silence: Duration = timedelta(minutes=2)  #: between two pieces of an answer, or before the first
    whole: Duration = timedelta(minutes=20)  #: for one answer

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        return round((tokens_in * self.price_in + tokens_out * self.price_out) / 1_000_000, 8)
