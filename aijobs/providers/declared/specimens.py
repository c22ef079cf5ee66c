"""One job of a declared vendor, made of the examples in its file."""

import json
from typing import Any

from aijobs.providers.declared.declaration import Declaration, ParameterSection
from aijobs.providers.declared.paths import AnswerPath
from aijobs.providers.package import Specimen


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
    )


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
