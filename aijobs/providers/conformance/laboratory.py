"""A provider that is open on a played vendor."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from string import Template
from typing import Any, Final, cast

from aijobs.adapters.network.http_client import Timeouts
from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.jobs.submissions import Accepted, Found, Ref, Rejected, Submission, SubmitOutcome, Unknown
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import IncomingWebhook, Snapshot, Task
from aijobs.domain.vendor import SandboxAccess, VendorSettings
from aijobs.providers.conformance.played_vendor import PlayedVendor, playing
from aijobs.providers.package import Answer, ProviderPackage, Specimen

KEY: Final = "conformance-key-0123456789abcdef"
TOKEN: Final = "conformance-token-0001"  # noqa: S105 - of a submission that is never sent
SIGNING: Final = "whsec_Y29uZm9ybWFuY2Utc2lnbmluZy1zZWNyZXQtMDAwMQ=="
SHORT: Final = Timeouts(connect=timedelta(seconds=2), silence=timedelta(seconds=1), whole=timedelta(seconds=3))

_MODEL: Final = Template("""
[models.specimen]
model_code = "specimen"
model_name = "Specimen"
model = "$model"
model_version = "1"
model_desc = ""
platform = ""
channel = ""
provider = "specimen"
asyn = true
type = "other"
unit_point = 1
max_output_count = 1
output_kind = "other"
unit_progress = ["PROCESSING"]
deadlines = { submit = "1h", queue = "1h", processing = "1h", migrate = "1h", business = "24h" }
poll = { first = "1s", factor = 1.5, max = "5s", jitter = 0.1 }
""")


class NotConforming(AssertionError):
    """The provider breaks the contract; the text says how."""


class DoesNotApply(Exception):
    """A check has nothing to try; the text says why."""


def model_of(specimen: Specimen) -> Model:
    return Catalogue.parse(_MODEL.substitute(model=specimen.model)).model("specimen")


def require(condition: object, complaint: str) -> None:
    """Raises NotConforming."""
    if not condition:
        raise NotConforming(complaint)


def in_words(seen: object) -> str:
    """The outcome of a submit or a search as a person says it."""
    match seen:
        case Accepted(ref=ref):
            return f"it is accepted, as {ref.get('id')}"
        case Rejected():
            when = "to be sent again later" if seen.may_retry else "for good"
            return f"it is refused {when} ({seen.code}: {seen.message})"
        case Unknown(cause=cause):
            return f"it is unknown ({cause})"
        case Found(ref=ref):
            return f"it is found, as {ref.get('id')}"
        case Snapshot():
            return f"it is {seen.status.name} ({seen.raw_status})"
        case StrEnum():
            return f"it is {seen.replace('_', ' ')}"
        case None:
            return "there is no answer"
    return str(seen)


@dataclass(frozen=True)
class Laboratory:
    """What a check works with: first `vendor.answers(...)`, then act by `provider`. `key` is what requests carry."""

    provider: Provider
    vendor: PlayedVendor
    specimen: Specimen
    model: Model
    key: str
    reports: dict[str, Mapping[str, Any]]  #: what was told by webhooks, by the vendor's ids

    def tells(self, answer: Answer) -> None:
        """From now on the vendor says this of its job: when it is asked, or, where it cannot be, by a webhook."""
        if self.specimen.alive is None or not isinstance(answer, str):
            self.vendor.plays(answer)
            return
        sent = self.submission().request
        hint = self.provider.parse_webhook(IncomingWebhook({}, answer.encode(), token=TOKEN, sent=sent))
        if hint.ref is None or hint.report is None:
            raise NotConforming("what the vendor tells by a webhook is not kept")
        self.reports[hint.ref["id"]] = hint.report.content
        self.vendor.answers(200, self.specimen.alive, Date=format_datetime(datetime.now(UTC), usegmt=True))

    def submission(self, *, age: timedelta = timedelta()) -> Submission:
        task = Task(
            job_code="job_conformance",
            model=self.model,
            params=dict(self.specimen.params),
            output_count=1,
            token=TOKEN,
            webhook_url=f"https://aijobs.example/api/webhooks/specimen/{TOKEN}",
            prepared=self.specimen.prepared,
        )
        return Submission(
            id=1,
            job_code=task.job_code,
            number=1,
            token=TOKEN,
            request=self.provider.build_request(task),
            intent_at=datetime.now(UTC) - age,
            outcome=None,
            ref=None,
        )

    async def submit(self) -> SubmitOutcome:
        return await self.provider.submit(self.submission().request)

    async def accepted(self) -> Ref:
        """The reference of the specimen's job."""
        self.vendor.answers(201, self.specimen.submitted)
        outcome = await self.submit()
        if not isinstance(outcome, Accepted):
            raise NotConforming(f"the specimen's answer to a create is not taken for one: {in_words(outcome)}")
        return outcome.ref


@asynccontextmanager
async def opened_laboratory(
    package: ProviderPackage, *, timeouts: Timeouts = SHORT, **settings: Any
) -> AsyncIterator[Laboratory]:
    """Raises ValueError for a package without a specimen."""
    if package.specimen is None:
        raise ValueError(f"{package.vendor.label} has no specimen to check it with.")
    async with playing() as vendor:
        access = SandboxAccess(url=vendor.url, token=KEY, webhook_secret=SIGNING)
        section = package.settings.model_validate({**package.vendor.stand_in(access), **settings})
        key = cast(VendorSettings, section).token
        reports: dict[str, Mapping[str, Any]] = {}

        async def last_report(ref_id: str) -> Mapping[str, Any] | None:
            return reports.get(ref_id)

        told = {"last_report": last_report} if package.is_told else {}
        async with package.opened(section, timeouts=timeouts, **told) as provider:
            shown = key.get_secret_value() if key else ""
            yield Laboratory(provider, vendor, package.specimen, model_of(package.specimen), shown, reports)
