"""What is wrong in a declaration whose sections are all well formed: places, words, and sections that do not agree."""

import re
from collections.abc import Iterator
from typing import Final

from aijobs.providers.declared.declaration import HEADER_TEXT, NAME, Declaration, StatusSection
from aijobs.providers.declared.example_checks import wrong_examples
from aijobs.providers.declared.parameters import wrong_values
from aijobs.providers.declared.templates import OF_A_JOB, places_in
from aijobs.providers.submit_outcomes import SubmitVerdict

OF_A_SECRET: Final = ("secret_header", "hmac_sha256")
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def wrong_parts(declaration: Declaration) -> Iterator[str]:
    """One text for each, beginning with the name of its section."""
    yield from wrong_values(declaration.parameters)
    yield from _wrong_places(declaration)
    yield from _wrong_requests(declaration)
    yield from _wrong_headers(declaration)
    yield from _wrong_words(declaration.statuses)
    yield from _wrong_statuses_of_errors(declaration)
    yield from _wrong_cancel(declaration)
    yield from _wrong_webhook(declaration)
    yield from wrong_examples(declaration)


def _wrong_places(declaration: Declaration) -> Iterator[str]:
    """Templates that name what they may not."""
    of_a_job = OF_A_JOB | {f"params.{name}" for name in declaration.parameters}
    of_a_ref = {f"ref.{name}" for name in declaration.submit.ref}
    templates = (
        ("submit.path", declaration.submit.path, of_a_job),
        ("submit.body", declaration.submit.body, of_a_job),
        ("submit.headers", declaration.submit.headers, of_a_job),
        ("query.path", declaration.query.path, of_a_ref),
        ("query.url", declaration.query.url, of_a_ref),
        ("outputs.path", declaration.outputs.path, of_a_ref | {f"finished.{one}" for one in declaration.outputs.names}),
        ("reconcile.path", declaration.reconcile.path if declaration.reconcile else None, {"token"}),
        ("cancel.path", declaration.cancel.path if declaration.cancel else None, of_a_ref),
    )
    for where, written, allowed in templates:
        for place in places_in(written):
            if place not in allowed:
                yield f"{where}: {{{place}}} is nothing that it may name; it may name {', '.join(sorted(allowed))}"


def _wrong_requests(declaration: Declaration) -> Iterator[str]:
    """Requests that say too little for what the file promises."""
    submit, query, outputs = declaration.submit, declaration.query, declaration.outputs
    named = _named_in_submit(declaration)
    complaints = {
        "submit.ref: it has no id": "id" in submit.ref,
        'submit.params_at: must be ".", "" or the name of a field': (
            submit.params_at in (".", "") or re.fullmatch(NAME, submit.params_at)
        ),
        f"submit.body.{submit.params_at}: must be a table, since the parameters go into it": (
            submit.params_at in (".", "") or isinstance(submit.body.get(submit.params_at, {}), dict)
        ),
        "submit.resend_window: no part of submit names {token}, so the vendor cannot know the request again": (
            "token" in named or not submit.resend_window
        ),
        "query: it has neither a path nor a url": query.path or query.url,
        "outputs: none of links, base64 and texts is there": outputs.links or outputs.base64 or outputs.texts,
        "reconcile: no part of submit names {token} or {webhook_url}, so no list can show which job is ours": (
            named & {"token", "webhook_url"} or not declaration.reconcile
        ),
    }
    yield from (complaint for complaint, is_right in complaints.items() if not is_right)


def _wrong_headers(declaration: Declaration) -> Iterator[str]:
    """Headers that could not be sent, or that would take the place of the key's."""
    auth, headers = declaration.auth, declaration.submit.headers
    proofs = declaration.webhook.proof if declaration.webhook else []
    names = {"auth.header": [auth.header], "submit.headers": list(headers)}
    names |= {f"webhook.proof.{number}.header": [proof.header or "-"] for number, proof in enumerate(proofs)}
    for where, written in names.items():
        yield from (f"{where}: {name!r} is no name of a header" for name in written if not HEADER_NAME.fullmatch(name))
    for where, text in (("auth.scheme", auth.scheme), *((f"submit.headers.{name}", headers[name]) for name in headers)):
        if not HEADER_TEXT.fullmatch(text):
            yield f"{where}: {text!r} cannot stand in a header"
    yield from (f"submit.headers.{one}: carries the key" for one in headers if one.lower() == auth.header.lower())


def _wrong_words(statuses: StatusSection) -> Iterator[str]:
    """Words that are in two lists, or in none where one is needed."""
    lists: dict[str, list[str]] = {}
    for name in StatusSection.model_fields:
        for word in getattr(statuses, name):
            lists.setdefault(word, []).append(name)
    for word, names in lists.items():
        if len(names) > 1:
            yield f"statuses: {word!r} is in more than one list: {', '.join(names)}"
    for name in ("generated", "failed"):
        if not getattr(statuses, name):
            yield f"statuses.{name}: no word means it, so no job could end so"


def _wrong_statuses_of_errors(declaration: Declaration) -> Iterator[str]:
    lists: dict[int, list[str]] = {}
    for verdict in SubmitVerdict:
        for status in getattr(declaration.errors, verdict):
            lists.setdefault(status, []).append(verdict)
    for status, names in lists.items():
        if len(names) > 1:
            yield f"errors: {status} is in more than one list: {', '.join(names)}"
        if status < 300 and "unknown" not in names:
            yield f"errors: {status} is a success; a refusal within one is told by its code, in errors.codes"


def _wrong_cancel(declaration: Declaration) -> Iterator[str]:
    for status in declaration.cancel.too_late if declaration.cancel else ():
        if 200 <= status < 300:
            yield f"cancel.too_late: {status} is a success; its status word says what became of the job"


def _wrong_webhook(declaration: Declaration) -> Iterator[str]:
    """A section and a request that do not agree on whether webhooks come, and how they are known."""
    named = _named_in_submit(declaration)
    if declaration.webhook is None:
        if "webhook_url" in named:
            yield "submit: it names {webhook_url}, and there is no section [webhook]"
        return
    if "webhook_url" not in named:
        yield "webhook: no part of submit names {webhook_url}, so none would come"
    for number, proof in enumerate(declaration.webhook.proof):
        if proof.kind in OF_A_SECRET and not proof.header:
            yield f"webhook.proof.{number}: {proof.kind} needs a header"
        if proof.kind in OF_A_SECRET and "webhook_secret" not in named:
            yield f"webhook.proof.{number}: no part of submit names {{webhook_secret}}"


def _named_in_submit(declaration: Declaration) -> set[str]:
    submit = declaration.submit
    return set(places_in([submit.path, submit.body, submit.headers]))
