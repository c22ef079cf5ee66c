"""How many requests there may be: the settings of limits on requests."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

REDIS_SCHEMES: Final = ("redis://", "rediss://")


class RequestClass(StrEnum):
    """What a request does."""

    READ = "read"
    SUBMIT = "submit"  #: makes jobs
    UPLOAD = "upload"
    CHANGE = "change"  #: anything else
    SIGN_IN = "sign_in"


def _a_rate(written: str) -> str:
    from limits import parse_many  # which commands that count nothing need not load

    try:
        if written.strip():
            parse_many(written)
    except ValueError:
        raise ValueError("must be a rate, for example 600/minute, or several: 20/second;600/minute") from None
    return written.strip()


def _a_redis_address(address: SecretStr) -> SecretStr:
    written = address.get_secret_value()
    if written and not written.startswith(REDIS_SCHEMES):
        raise ValueError(f"must begin with {' or '.join(REDIS_SCHEMES)}")
    return address


#: A setting: so many requests in a time. An empty text is no limit.
RateText = Annotated[str, AfterValidator(_a_rate)]

Rates = Mapping[RequestClass, RateText]


class RateLimitSettings(BaseModel):
    """How many requests each key, each end user and each address may send, by what the request does.

    Without Redis each API process counts for itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Rates = {}
    user: Rates = {}
    address: Rates = {RequestClass.SIGN_IN: "60/minute"}
    redis: Annotated[SecretStr, AfterValidator(_a_redis_address)] | None = None  #: for all API processes together
