"""Tries every path of a declaration on the vendor's own answers, which the file quotes."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aijobs.adapters.network.host_patterns import is_listed
from aijobs.domain.lifecycle import JobStatus
from aijobs.providers.declared.declaration import Declaration, ExampleSection, ReconcileSection
from aijobs.providers.declared.paths import AnswerPath
from aijobs.providers.declared.snapshots import amount_written, percent_written

#: An example, and the lists of words in which its status must be.
LISTS_OF: Final[Mapping[str, Mapping[str, JobStatus]]] = {
    "finished": {"generated": JobStatus.GENERATED},
    "failed": {"failed": JobStatus.FAILED},
    "running": {"queued": JobStatus.QUEUED, "processing": JobStatus.PROCESSING},
}

ON_THE_WAY: Final = ("running", "finished", "failed")

Trial = tuple[str, AnswerPath | None, tuple[str, ...]]


def wrong_examples(declaration: Declaration) -> Iterator[str]:
    """Paths that match nothing, and statuses that mean something else than the example is named for."""
    answers: dict[str, Any] = {}
    for name in ExampleSection.model_fields:
        try:
            answers[name] = json.loads(getattr(declaration.examples, name) or "null")
        except (ValueError, RecursionError) as broken:
            yield f"examples.{name}: is not JSON: {broken}"
            return
    given = {name: answer for name, answer in answers.items() if answer is not None}
    yield from _unmatched(declaration, given)
    yield from _misread(declaration, given)
    yield from _no_numbers(declaration, given)
    yield from _beyond_a_hundred(declaration, given)
    yield from _not_downloadable(declaration, given)
    if declaration.reconcile and "listed" in given:
        yield from _unmatched_in_list(declaration.reconcile, given["listed"])


def _unmatched(declaration: Declaration, answers: Mapping[str, Any]) -> Iterator[str]:
    for where, path, names in _trials(declaration):
        given = [name for name in names if name in answers]
        if path is None:
            continue
        if not given:
            yield f"examples.{names[0]}: is needed to try {where}"
        elif all(path.find(answers[name]) is None for name in given):
            yield f"{where}: {path.written!r} matches nothing in examples.{' or examples.'.join(given)}"


def _trials(declaration: Declaration) -> Iterator[Trial]:
    """Each path, and the examples in one of which it must find something."""
    query, outputs, webhook, reconcile = (
        declaration.query,
        declaration.outputs,
        declaration.webhook,
        declaration.reconcile,
    )
    result = ("results" if outputs.path else "finished",)
    yield from ((f"submit.ref.{name}", path, ("submitted",)) for name, path in declaration.submit.ref.items())
    yield from (
        ("query.status", query.status, ("finished",)),
        ("query.progress", query.progress, ON_THE_WAY),
        ("query.queue_position", query.queue_position, ON_THE_WAY),
        ("query.charge", query.charge, ON_THE_WAY),
        ("query.error", query.error, ("failed",)),
        ("outputs.links", outputs.links, result),
        ("outputs.base64", outputs.base64, result),
        ("outputs.texts", outputs.texts, result),
        ("reconcile.items", reconcile.items if reconcile else None, ("listed",)),
    )
    yield from ((f"outputs.names.{name}", path, ("finished",)) for name, path in outputs.names.items())
    yield from ((f"webhook.ref.{name}", path, ("webhook",)) for name, path in (webhook.ref if webhook else {}).items())


def _misread(declaration: Declaration, answers: Mapping[str, Any]) -> Iterator[str]:
    for name, lists in LISTS_OF.items():
        word = declaration.query.status.text(answers[name]) if name in answers else None
        if word is not None and declaration.statuses.meaning(word) not in lists.values():
            yield f"examples.{name}: its status {word!r} is not in statuses.{' or statuses.'.join(lists)}"


def _no_numbers(declaration: Declaration, answers: Mapping[str, Any]) -> Iterator[str]:
    """What is to be counted, and is no number: it would never be shown."""
    query = declaration.query
    counted = (
        ("progress", query.progress, lambda found: percent_written(found, query.progress_scale)),
        ("charge", query.charge, amount_written),
    )
    for where, path, number_in in counted:
        for name in ON_THE_WAY:
            found = path.find(answers[name]) if path and name in answers else None
            if found is not None and number_in(found) is None:
                yield f"query.{where}: {found!r} in examples.{name} is no number"


def _beyond_a_hundred(declaration: Declaration, answers: Mapping[str, Any]) -> Iterator[str]:
    """Progress that is counted otherwise than the scale says: it would be shown as 100 % from the first answer on."""
    query = declaration.query
    for name in ON_THE_WAY:
        found = query.progress.find(answers[name]) if query.progress and name in answers else None
        percent = percent_written(found, query.progress_scale)
        if percent is not None and percent > 100:
            yield (
                f"query.progress: {found} in examples.{name} would be {percent:g} %; "
                "if the vendor counts to 100, set progress_scale = 1"
            )


def _not_downloadable(declaration: Declaration, answers: Mapping[str, Any]) -> Iterator[str]:
    """Links to results that no download would follow. Other schemes than https are for an operator to allow."""
    name, links = "results" if declaration.outputs.path else "finished", declaration.outputs.links
    found = links.texts(answers.get(name)) if links else []
    hosts = {_host_of(link) for link in found if link.startswith("https://")}
    for host in sorted(hosts):
        if not is_listed(host, tuple(declaration.download_hosts)):
            yield f"download_hosts: {host} is not listed, so the result in examples.{name} would be refused"


def _host_of(link: str) -> str:
    try:
        return urlsplit(link).hostname or ""
    except ValueError:
        return ""


def _unmatched_in_list(reconcile: ReconcileSection, listed: object) -> Iterator[str]:
    items = reconcile.items.find(listed)
    if items is None:
        return
    if not isinstance(items, list):
        yield f"reconcile.items: {reconcile.items.written!r} is no list in examples.listed"
        return
    paths = {"token": reconcile.token, **{f"ref.{name}": path for name, path in reconcile.ref.items()}}
    for where, path in paths.items():
        if all(path.find(item) is None for item in items):
            yield f"reconcile.{where}: {path.written!r} matches nothing in any item of examples.listed"
