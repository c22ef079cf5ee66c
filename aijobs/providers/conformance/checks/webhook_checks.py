"""Checks of webhooks: genuine, forged, altered, early, late, and repeated."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from aijobs.domain.errors import BadInput, NotAuthenticated
from aijobs.domain.ports.providers import WebhookKeySource
from aijobs.domain.provider_io import IncomingWebhook, WebhookHint
from aijobs.providers.conformance.checks.submit_checks import ANOTHERS_JSON
from aijobs.providers.conformance.laboratory import SIGNING, TOKEN, DoesNotApply, Laboratory, require
from aijobs.providers.package import Proven, SpecimenWebhook, WebhookSending

ANOTHERS_TOKEN: Final = "conformance-token-0002"  # noqa: S105 - of another submission
ANOTHERS_SIGNING: Final = "whsec_YW5vdGhlci1zaWduaW5nLXNlY3JldC0wMDAwMDAwMg=="
TOO_FAR: Final = timedelta(hours=1)

FORGED: Final[Mapping[str, str]] = {
    "webhook-id": "msg_1",
    "webhook-timestamp": "1000000000",
    "webhook-signature": "v1,AAAA",
    "x-webhook-secret": "guessed",
}


async def _delivered(
    lab: Laboratory,
    webhook: SpecimenWebhook,
    *,
    token: str = TOKEN,
    age: timedelta = timedelta(),
    signing: str = SIGNING,
    key: str | None = None,
) -> IncomingWebhook:
    """A webhook as it comes in, when the keys of the genuine ones are at hand."""
    if webhook.keys is not None and isinstance(lab.provider, WebhookKeySource):
        lab.vendor.answers(200, webhook.keys(SIGNING))
        await lab.provider.load_webhook_keys()
    sending = WebhookSending(token=token, at=datetime.now(UTC) - age, key=key or lab.key, secret=signing)
    return replace(webhook.sent(sending), sent=lab.submission().request)


def _taken(lab: Laboratory, delivery: IncomingWebhook) -> WebhookHint | None:
    """None for one that is refused."""
    try:
        return lab.provider.parse_webhook(delivery)
    except (NotAuthenticated, BadInput):
        return None


def _sent(lab: Laboratory) -> list[SpecimenWebhook]:
    """Raises DoesNotApply where none are."""
    if not lab.specimen.webhooks:
        raise DoesNotApply("no webhooks come")
    return list(lab.specimen.webhooks)


def _proving(lab: Laboratory, what: Proven) -> list[SpecimenWebhook]:
    """Raises DoesNotApply where none do."""
    proving = [webhook for webhook in _sent(lab) if what in webhook.proof]
    if not proving:
        raise DoesNotApply(f"no webhook proves its {what}")
    return proving


async def genuine_is_taken(lab: Laboratory) -> None:
    """A genuine webhook names its job, even before the submit is answered."""
    can = lab.provider.capabilities
    sends = can.webhook or can.account_webhook
    require(bool(lab.specimen.webhooks) == sends, "the specimen and the capabilities do not agree on webhooks")
    for webhook in _sent(lab):
        hint = _taken(lab, await _delivered(lab, webhook))
        require(hint is not None, f"it is refused, with the proof of {sorted(webhook.proof)}")
        about = hint.ref["id"] if hint is not None and hint.ref else None
        require(about == lab.specimen.job_id, f"it is about {about}")


async def repeated_is_known(lab: Laboratory) -> None:
    """A webhook that comes again is known by the same delivery id."""
    for webhook in _sent(lab):
        hints = [_taken(lab, await _delivered(lab, webhook)) for _ in range(2)]
        ids = [hint.delivery_id if hint is not None else None for hint in hints]
        require(ids[0] and ids[0] == ids[1], f"the delivery ids are {ids}")


async def forgery_is_refused(lab: Laboratory) -> None:
    """A forged webhook is refused, or names the job that its body is about."""
    finished = [webhook.sent(_somebodys()).body for webhook in lab.specimen.webhooks]
    for headers in ({}, FORGED):
        for body in (b"", b"<html>", b"[]", b"{}", b"\xff\xfe", ANOTHERS_JSON.encode(), *finished):
            hint = _taken(lab, IncomingWebhook(headers, body, token=TOKEN))
            if hint is None:
                continue
            can = lab.provider.capabilities
            require(can.webhook or can.account_webhook, "one is taken, though none are sent")
            about = str(hint.ref.get("id")) if hint.ref else ""
            require(about.encode() in body, f"{body[:80]!r} is taken for {about}")


async def proof_of_another_is_none(lab: Laboratory) -> None:
    """A webhook that is signed with another secret, or altered on its way, is refused."""
    for webhook in _proving(lab, "body"):
        genuine = await _delivered(lab, webhook)
        altered = replace(genuine, body=genuine.body + b" ")
        require(_taken(lab, altered) is None, "one that was altered is taken")
        foreign = await _delivered(lab, webhook, signing=ANOTHERS_SIGNING, key="another key of the vendor's")
        require(_taken(lab, foreign) is None, "one that another has signed is taken")


async def late_is_refused(lab: Laboratory) -> None:
    """A webhook that is replayed later, or comes from the future, is refused where its time is proven."""
    for webhook in _proving(lab, "time"):
        for age in (TOO_FAR, -TOO_FAR):
            old = await _delivered(lab, webhook, age=age)
            require(_taken(lab, old) is None, f"one of {-age} from now is taken")
            fresh = await _delivered(lab, webhook)
            again = {name: value if _is_proof(value) else fresh.headers[name] for name, value in old.headers.items()}
            require(_taken(lab, replace(old, headers=again)) is None, "an old proof is taken with a new time")


async def path_of_another_is_refused(lab: Laboratory) -> None:
    """A webhook that is replayed at the path of another submission is refused, or names the job that it is about."""
    for webhook in _sent(lab):
        genuine = await _delivered(lab, webhook)
        hint = _taken(lab, replace(genuine, token=ANOTHERS_TOKEN))
        if "path" in webhook.proof:
            require(hint is None, "it is taken, though its proof is of another submission")
        about = hint.ref["id"] if hint is not None and hint.ref else lab.specimen.job_id
        require(about == lab.specimen.job_id, f"it is about {about}")


def _somebodys() -> WebhookSending:
    return WebhookSending(token=TOKEN, at=datetime.now(UTC), key="guessed", secret=ANOTHERS_SIGNING)


def _is_proof(value: str) -> bool:
    return not value.isdecimal()


ALL: Final = (
    genuine_is_taken,
    repeated_is_known,
    forgery_is_refused,
    proof_of_another_is_none,
    late_is_refused,
    path_of_another_is_refused,
)
