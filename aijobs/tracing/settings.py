"""Whether traces are kept, and how many."""

from pydantic import BaseModel, ConfigDict, Field, HttpUrl


class TraceSettings(BaseModel):
    """Where traces go. The exporter's own variables stay its own (OTEL_EXPORTER_OTLP_HEADERS, …_CERTIFICATE)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: HttpUrl | None = None  #: of a collector that takes OTLP over HTTP, as http://127.0.0.1:4318; None: none
    sample_ratio: float = Field(default=1.0, ge=0, le=1)  #: of the traces that no caller has begun
