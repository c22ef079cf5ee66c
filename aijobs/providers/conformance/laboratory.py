"""A provider that is open on a played vendor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Any, Final, cast

from aijobs.adapters.network.http_client import Timeouts
from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.jobs.submissions import Accepted, Ref, Submission, SubmitOutcome
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Task
from aijobs.domain.vendor import SandboxAccess, VendorSettings
from aijobs.providers.conformance.played_vendor import PlayedVendor, playing
from aijobs.providers.package import ProviderPackage, Specimen

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


def model_of(specimen: Specimen) -> Model:
    return Catalogue.parse(_MODEL.substitute(model=specimen.model)).model("specimen")


def require(condition: object, complaint: str) -> None:
    """Raises NotConforming."""
    if not condition:
        raise NotConforming(complaint)


@dataclass(frozen=True)
class Laboratory:
    """What a check works with: first `vendor.answers(...)`, then act by `provider`. `key` is what requests carry."""

    provider: Provider
    vendor: PlayedVendor
    specimen: Specimen
    model: Model
    key: str

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
            raise NotConforming(f"the specimen's answer to a create is not taken for one: {outcome}")
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
        async with package.opened(section, timeouts=timeouts) as provider:
            shown = key.get_secret_value() if key else ""
            yield Laboratory(provider, vendor, package.specimen, model_of(package.specimen), shown)
