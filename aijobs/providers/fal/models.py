"""Any model on fal, as the OpenAPI document of its endpoint describes it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from aijobs.domain.errors import BadInput
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.provider_io import ModelDescription

LONGEST_RUN: Final = timedelta(hours=1)
NO_VERSION: Final = "latest"  #: an endpoint has no versions

_ENDPOINT: Final = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9][A-Za-z0-9._-]*){1,6}")

#: What a result is, by the names that its parts have.
_KINDS: Final = (
    (OutputKind.VIDEO, ("video", "videos")),
    (OutputKind.IMAGE, ("images", "image")),
    (OutputKind.AUDIO, ("audio", "audio_file", "audio_url")),
    (OutputKind.TEXT, ("output", "text")),
)


def checked_endpoint(name: str) -> str:
    """Raises BadInput."""
    if not _ENDPOINT.fullmatch(name):
        raise BadInput("A model on fal is called owner/alias, perhaps with a path behind it, such as fal-ai/flux/dev.")
    return name


def described(endpoint: str, openapi: Mapping[str, Any]) -> ModelDescription:
    """Raises BadInput for a document without the endpoint's parameters."""
    schemas = _at(openapi, "components", "schemas")
    taken = _resolved(_at(openapi, "paths", f"/{endpoint}", "post", "requestBody", *_JSON), schemas)
    if not isinstance(taken.get("properties"), dict):
        raise BadInput(f"fal publishes no schema of the parameters of {endpoint}.")
    info = _at(openapi, "info")
    kind = _kind(_resolved(_result(openapi), schemas))
    return ModelDescription(
        model=endpoint,
        model_version=NO_VERSION,
        title=endpoint.partition("/")[2],
        description=str(info.get("description") or info.get("title") or endpoint),
        platform="fal",
        type="text" if kind is OutputKind.JSON else kind.value,
        output_kind=kind,
        input_schema={**taken, "components": {"schemas": schemas}},
        processing=LONGEST_RUN,
    )


_JSON: Final = ("content", "application/json", "schema")


def _result(openapi: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a result: the GET whose answer is no status of the queue."""
    paths = _at(openapi, "paths")
    found = [path for path in paths if path.endswith("/requests/{request_id}")]
    return _at(openapi, "paths", found[0], "get", "responses", "200", *_JSON) if found else {}


def _kind(result: Mapping[str, Any]) -> OutputKind:
    properties = result.get("properties")
    names = properties.keys() if isinstance(properties, dict) else ()
    return next((kind for kind, words in _KINDS if any(word in names for word in words)), OutputKind.OTHER)


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    name = reference.rpartition("/")[2] if isinstance(reference, str) else None
    return _at(schemas, name) if name else schema


def _at(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where there is none."""
    found: Any = document
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
