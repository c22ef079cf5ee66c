"""What a provider's package exports: `PACKAGE`, one value with everything that the product knows about the vendor."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel
from standardwebhooks import Webhook

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import IncomingWebhook
from aijobs.domain.vendor import Vendor

#: Called with the settings section, and optionally with `timeouts`.
Opener = Callable[..., AbstractAsyncContextManager[Provider]]


#: What a vendor answers: a JSON text, or several by the end of the path that is asked; "" is that of every other path.
Answer = str | Mapping[str, str]

#: What the proof of a webhook covers: when it was sent, what it says, and which submission asked for it.
Proven = Literal["time", "body", "path"]


@dataclass(frozen=True, kw_only=True)
class WebhookSending:
    """The circumstances of a webhook: whose it is, when, the API's key, and the secret that webhooks are signed by."""

    token: str
    at: datetime
    key: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class SpecimenWebhook:
    """The message that the specimen's job is finished, as the vendor sends it; a later sending repeats the message.

    `keys` makes the document with the keys that the vendor publishes, of the secret.
    """

    sent: Callable[[WebhookSending], IncomingWebhook]
    proof: frozenset[Proven] = frozenset()
    keys: Callable[[str], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """One job at the vendor, as its documents tell it: the conformance suite replays it, and lets things go wrong.

    In answers `$URL` stands for the address at which the suite plays the vendor, and `$TOKEN` for the token of the
    submission. `job_id` is the id that the answers have, and `word` the status of `running`, as it is quoted there.
    `results` is for vendors with a question of its own for them; `emptied` is the finished job, or those results,
    without any. `shapes` are other finished jobs, each with the number of its results.

    `interrupted` is a failed job of which the vendor says in so many words that it made nothing, and may be sent again.
    `cancels`: the HTTP status and the answer to a cancel, by what they mean. `listed`: what the search for a lost job
    finds, which is `found_id` where that is not the job's. `prepared` is what was made before the request.

    Where a vendor tells of a job by webhooks alone, the answers about it are their bodies, and `alive` is what the
    vendor answers when it is asked.
    """

    model: str
    params: Mapping[str, Any]
    job_id: str
    submitted: str
    running: Answer
    word: str
    finished: Answer
    failed: Answer
    emptied: Answer
    results: Answer | None = None
    shapes: Sequence[tuple[Answer, int]] = ()
    interrupted: Answer | None = None
    cancels: Mapping[CancelOutcome, tuple[int, Answer]] = field(default_factory=dict)
    webhooks: Sequence[SpecimenWebhook] = ()
    listed: Answer | None = None
    found_id: str | None = None
    prepared: Mapping[str, str] = field(default_factory=dict)
    alive: str | None = None


def standard_webhook(body: str) -> SpecimenWebhook:
    """A webhook of the vendors that sign by Standard Webhooks."""

    def sent(sending: WebhookSending) -> IncomingWebhook:
        headers = {
            "webhook-id": "msg_specimen",
            "webhook-timestamp": str(int(sending.at.timestamp())),
            "webhook-signature": Webhook(sending.secret).sign("msg_specimen", sending.at, body),
        }
        return IncomingWebhook(headers, body.encode(), sending.token)

    return SpecimenWebhook(sent=sent, proof=frozenset({"time", "body"}))


@dataclass(frozen=True, kw_only=True)
class ProviderPackage:
    """`settings` is the class of its settings section and fits VendorSettings. Without a token it is disabled.

    `is_told`: its vendor tells of a job by webhooks alone. What they tell is kept, and `opened` gets `last_report`.
    """

    vendor: Vendor
    settings: type[BaseModel]
    opened: Opener
    specimen: Specimen | None = None
    is_told: bool = False
