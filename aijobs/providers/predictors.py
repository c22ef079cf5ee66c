"""Models whose output is any JSON, described by an OpenAPI document: what they take, what they make, their results."""

import json
import mimetypes
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from aijobs.domain.errors import ProviderFailed
from aijobs.domain.jobs.outputs import OutputKind, OutputSource

_KIND_OF_FAMILY: Final = {
    "image": OutputKind.IMAGE,
    "video": OutputKind.VIDEO,
    "audio": OutputKind.AUDIO,
    "text": OutputKind.TEXT,
}
_KIND_OF_TYPE: Final = {"application/json": OutputKind.JSON, "application/pdf": OutputKind.DOCUMENT}
_OF_THE_API: Final = {"Input", "Output", "PredictionRequest", "PredictionResponse", "Status", "WebhookEvent"}


def schemas_in(openapi: object) -> Mapping[str, Any]:
    """The schemas of a model's OpenAPI document, Input (of its parameters) among them; empty without it."""
    components = openapi.get("components") if isinstance(openapi, dict) else None
    schemas = components.get("schemas") if isinstance(components, dict) else None
    return schemas if isinstance(schemas, dict) and isinstance(schemas.get("Input"), dict) else {}


def input_schema(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the parameters, with those that it can refer to: choices have ones of their own."""
    referred = {
        name: schema
        for name, schema in schemas.items()
        if name not in _OF_THE_API and not name.startswith(("HTTPValidation", "Validation", "Training"))
    }
    return {**schemas["Input"], "components": {"schemas": referred}}


def output_kind(schemas: Mapping[str, Any], example: object = None) -> OutputKind:
    """From the schema of the output; a link is of the kind that the model's example has, or of any."""
    output = schemas.get("Output")
    declared = output if isinstance(output, dict) else {}
    item = declared.get("items", declared) if declared.get("type") == "array" else declared
    if isinstance(item, dict) and item.get("type") == "string":
        if item.get("format") != "uri":
            return OutputKind.TEXT
        shown = example.get("output") if isinstance(example, dict) else None
        kinds = {kind_of_link(link) for link in _shown_links(shown)}
        return kinds.pop() if len(kinds) == 1 else OutputKind.OTHER
    return OutputKind.OTHER


def _shown_links(output: object) -> Iterator[str]:
    for one in output if isinstance(output, list) else [output]:
        if isinstance(one, str) and PurePosixPath(_path_of(one) or "").suffix:
            yield one


def sources_in(output: object, *, expires_at: datetime | None = None) -> list[OutputSource]:
    """The results in order: a text, or all links (and `data:` links) in the output, or the output as JSON.

    Raises ProviderFailed for a `data:` link that cannot be read.
    """
    text = _text(output)
    if text is not None:
        return [OutputSource(kind=OutputKind.TEXT, content=text.encode())] if text else []
    links = list(_links(output))
    if links:
        return [_source(link, expires_at) for link in links]
    if output in ([], {}):
        return []
    return [OutputSource(kind=OutputKind.JSON, content=json.dumps(output, ensure_ascii=False).encode())]


def without_data(output: Any) -> Any:
    """The output with the length of each `data:` link instead of the link."""
    match output:
        case str() if _is_link(output) and output.startswith("data:"):
            return f"{output.partition(',')[0]}, {len(output)} characters"
        case list():
            return [without_data(part) for part in output]
        case dict():
            return {name: without_data(part) for name, part in output.items()}
        case _:
            return output


def _text(output: object) -> str | None:
    """The text of an output that is a string but no link, or a list of tokens; else None."""
    if isinstance(output, str):
        return None if _is_link(output) else output
    if isinstance(output, list) and output and all(isinstance(part, str) for part in output):
        parts = [part for part in output if part]
        return None if parts and all(map(_is_link, parts)) else "".join(parts)
    return None


def _is_link(text: str) -> bool:
    """Not `https://[text]`, nor a sentence that begins with a link."""
    if not text.startswith(("https://", "http://", "data:")) or any(map(str.isspace, text)):
        return False
    return text.startswith("data:") or _path_of(text) is not None


def _links(output: Any) -> Iterator[str]:
    match output:
        case str() if _is_link(output):
            yield output
        case list():
            for part in output:
                yield from _links(part)
        case dict():
            for part in output.values():
                yield from _links(part)


def _source(link: str, expires_at: datetime | None) -> OutputSource:
    if link.startswith("data:"):
        return _inline(link)
    return OutputSource(kind=kind_of_link(link), url=link, expires_at=expires_at)


def kind_of_link(link: str) -> OutputKind:
    """By the extension."""
    return kind_of_file(_path_of(link) or "")


def kind_of_file(name: str) -> OutputKind:
    """By the extension."""
    guessed, _ = mimetypes.guess_type(PurePosixPath(name).name)
    return _kind(guessed)


def _path_of(link: str) -> str | None:
    """None for what is no link."""
    try:
        return urlsplit(link).path
    except ValueError:
        return None


def _inline(link: str) -> OutputSource:
    media_type, content = inline_content(link)
    return OutputSource(kind=_kind(media_type), content=content)


def inline_content(link: str) -> tuple[str, bytes]:
    """The media type and the bytes of a `data:[type][;base64],data` link (RFC 2397). Raises ProviderFailed."""
    declared, _, data = link.removeprefix("data:").partition(",")
    content = unquote_to_bytes(data)
    if declared.endswith(";base64"):
        try:
            content = b64decode(content, validate=True)
        except Error as unreadable:
            raise ProviderFailed("A data link among the results cannot be read.") from unreadable
    return declared.partition(";")[0] or "text/plain", content


def _kind(media_type: str | None) -> OutputKind:
    """An image by default: most models produce images, and some give links without an extension."""
    if media_type is None:
        return OutputKind.IMAGE
    family = media_type.partition("/")[0]
    return _KIND_OF_TYPE.get(media_type) or _KIND_OF_FAMILY.get(family, OutputKind.OTHER)
