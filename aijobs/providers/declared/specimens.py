"""One job of a declared vendor, made of the examples in its file."""

import hashlib
import hmac
import json
from typing import Any

from pydantic import SecretStr

from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.provider_io import IncomingWebhook
from aijobs.providers.declared.declaration import Declaration, ParameterSection, ProofSection, ReconcileSection
from aijobs.providers.declared.paths import AnswerPath
from aijobs.providers.declared.webhooks import secret_of_submission
from aijobs.providers.package import Proven, Specimen, SpecimenWebhook, WebhookSending, standard_webhook


def specimen_of(declaration: Declaration) -> Specimen:
    """What the file has no example of is the finished job, with another word for its status."""
    examples, statuses = declaration.examples, declaration.statuses
    submitted, finished = json.loads(examples.submitted), json.loads(examples.finished)
    done = declaration.query.status.text(finished) or ""
    on_the_way = [*statuses.processing, *statuses.queued]
    running = examples.running or _with_word(examples.finished, done, on_the_way[0] if on_the_way else "at work")
    return Specimen(
        model="specimen",
        params={name: _sample(one) for name, one in declaration.parameters.items() if one.required},
        job_id=declaration.submit.ref["id"].text(submitted) or "",
        submitted=_with_own_links(examples.submitted, [*declaration.submit.ref.values()]),
        running=running,
        word=declaration.query.status.text(json.loads(running)) or "",
        finished=examples.finished,
        failed=examples.failed or _with_word(examples.finished, done, statuses.failed[0]),
        emptied="{}" if declaration.outputs.path else _emptied(declaration),
        results=examples.results,
        cancels=_cancels(declaration, running),
        webhooks=[_webhook(examples.webhook, proof) for proof in _proofs(declaration)] if examples.webhook else [],
        listed=_listed(declaration),
    )


def _cancels(declaration: Declaration, running: str) -> dict[CancelOutcome, tuple[int, str]]:
    """Where the same call erases a finished job, the answers are those to the question before it, too."""
    section = declaration.cancel
    if section is None:
        return {}
    if not section.ask_first:
        late = {CancelOutcome.TOO_LATE: (section.too_late[0], "{}")} if section.too_late else {}
        return {CancelOutcome(section.answer): (200, "{}"), **late}
    is_seen = section.status is not None and section.status.text(json.loads(running))
    taken = CancelOutcome.REQUESTED if is_seen else CancelOutcome(section.answer)
    return {taken: (200, running), CancelOutcome.TOO_LATE: (200, declaration.examples.finished)}


def _proofs(declaration: Declaration) -> list[ProofSection]:
    """Each is enough; where the path alone is, none of the others is asked for."""
    proofs = declaration.webhook.proof if declaration.webhook else []
    return [proof for proof in proofs if proof.kind == "token"] or proofs


def _webhook(body: str, proof: ProofSection) -> SpecimenWebhook:
    if proof.kind == "standard_webhooks":
        return standard_webhook(body)

    def sent(sending: WebhookSending) -> IncomingWebhook:
        secret = secret_of_submission(SecretStr(sending.key), sending.token)
        signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        shown = {"secret_header": secret, "hmac_sha256": f"sha256={signature}"}.get(proof.kind, "")
        return IncomingWebhook({(proof.header or "").lower(): shown}, body.encode(), sending.token)

    covered: dict[str, frozenset[Proven]] = {
        "secret_header": frozenset({"path"}),
        "hmac_sha256": frozenset({"path", "body"}),
    }
    return SpecimenWebhook(sent=sent, proof=covered.get(proof.kind, frozenset()))


def _listed(declaration: Declaration) -> str | None:
    """The first job of the example's list, with the submission's token in its place."""
    section, listed = declaration.reconcile, declaration.examples.listed
    if section is None or listed is None:
        return None
    for item in section.items.items(json.loads(listed)) or []:
        planted, found = section.token.find(item), section.ref["id"].text(item)
        if isinstance(planted, str) and found:
            ours = json.dumps(json.loads(listed)).replace(json.dumps(planted), '"$TOKEN"')
            return _without_next(ours, section)
    return None


def _without_next(listed: str, section: ReconcileSection) -> str:
    link = section.next.text(json.loads(listed)) if section.next else None
    return listed.replace(json.dumps(link), "null") if link else listed


def _sample(parameter: ParameterSection) -> Any:
    match parameter.type:
        case _ if parameter.choices:
            value: Any = parameter.choices[0]
        case "string":
            value = "a lighthouse"[: parameter.max_length]
        case "integer":
            value = int(parameter.minimum or 1)
        case "number":
            value = float(parameter.minimum or 1)
        case "boolean":
            value = True
        case media:
            value = f"https://example.com/{media}"
    return [value] if parameter.many else value


def _with_word(text: str, word: str, other: str) -> str:
    return json.dumps(json.loads(text)).replace(json.dumps(word), json.dumps(other))


def _with_own_links(text: str, paths: list[AnswerPath]) -> str:
    """The links that a reference keeps lead to the address at which the vendor is played."""
    document = json.loads(text)
    written = json.dumps(document)
    for path in paths:
        link = path.text(document) or ""
        if link.startswith(("https://", "http://")):
            written = written.replace(json.dumps(link), json.dumps("$URL/job"))
    return written


def _emptied(declaration: Declaration) -> str:
    """The finished job without its results."""
    document = json.loads(declaration.examples.finished)
    written = json.dumps(document)
    for path in (declaration.outputs.links, declaration.outputs.base64, declaration.outputs.texts):
        for text in path.texts(document) if path else []:
            written = written.replace(json.dumps(text), "null")
    return written
