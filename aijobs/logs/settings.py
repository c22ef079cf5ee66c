"""How the log is written, and how much of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from aijobs.logs.levels import parse_levels


class LogFormat(StrEnum):
    """Of a line."""

    TEXT = "text"
    JSON = "json"


def _levels(written: str) -> str:
    parse_levels(written)
    return written


class LogSettings(BaseModel):
    """Of all processes that serve. `aijobs log-level` changes the levels of running ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: LogFormat = LogFormat.TEXT
    levels: Annotated[str, AfterValidator(_levels)] = "INFO"  #: as "WARNING,aijobs.providers=DEBUG"
