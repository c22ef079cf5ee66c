"""What a provider's package exports: `PACKAGE`, one value with everything that the product knows about the vendor."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from aijobs.domain.ports.providers import Provider
from aijobs.domain.vendor import Vendor

#: Called with the settings section, and optionally with `timeouts`.
Opener = Callable[..., AbstractAsyncContextManager[Provider]]


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """One job at the vendor, as its documents tell it: the conformance suite replays it, and lets things go wrong.

    Answers are JSON texts, in which `$URL` stands for the address at which the suite plays the vendor. `job_id` is the
    id that the answers have, and `word` the status of `running`, as it is quoted there. `results` is for vendors with a
    question of its own for them; `emptied` is the finished job, or those results, without any.
    """

    model: str
    params: Mapping[str, Any]
    job_id: str
    submitted: str
    running: str
    word: str
    finished: str
    failed: str
    emptied: str
    results: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderPackage:
    """`settings` is the class of its settings section and fits VendorSettings. Without a token it is disabled."""

    vendor: Vendor
    settings: type[BaseModel]
    opened: Opener
    specimen: Specimen | None = None
