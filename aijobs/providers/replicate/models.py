"""Any model on Replicate, as its API describes it: `owner/name`, or `owner/name:version`.

An official model runs under its name alone, always at its present version; any other is pinned to a version, since its
next one may take other parameters.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from aijobs.domain.errors import BadInput
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.provider_io import ModelDescription
from aijobs.providers.replicate.outputs import kind_of_link

OFFICIAL: Final = "official"  #: the version of a model that has none of its own for callers
LONGEST_RUN: Final = timedelta(minutes=30)  #: Replicate stops a run then

_NAME: Final = re.compile(
    r"(?P<owner>[a-z0-9][a-z0-9._-]{0,99})/(?P<name>[a-z0-9][a-z0-9._-]{0,99})(?::(?P<version>[0-9a-f]{64}))?",
    re.IGNORECASE,
)


def parsed_name(name: str) -> tuple[str, str | None]:
    """`owner/name`, and the version if one is named. Raises BadInput."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise BadInput("A model on Replicate is called owner/name, or owner/name:version with the version's 64 digits.")
    return f"{parts['owner']}/{parts['name']}", parts["version"]


def described(model: Mapping[str, Any], version: Mapping[str, Any], *, is_pinned: bool) -> ModelDescription:
    """From Replicate's documents of a model and of one of its versions. Raises BadInput for one that has no schema."""
    full_name, version_id = f"{model['owner']}/{model['name']}", version.get("id")
    openapi = version.get("openapi_schema")
    schemas = openapi.get("components", {}).get("schemas", {}) if isinstance(openapi, dict) else {}
    if not isinstance(version_id, str) or not isinstance(schemas.get("Input"), dict):
        raise BadInput(f"Replicate publishes no schema of the parameters of {full_name}.")
    kind = output_kind(schemas, model.get("default_example"))
    return ModelDescription(
        model=f"{full_name}:{version_id}" if is_pinned else full_name,
        model_version=version_id[:12] if is_pinned else OFFICIAL,
        title=str(model["name"]),
        description=str(model.get("description") or full_name),
        platform="Replicate",
        type="text" if kind is OutputKind.JSON else kind.value,
        output_kind=kind,
        input_schema={**schemas["Input"], "components": {"schemas": _referred(schemas)}},
        processing=LONGEST_RUN,
    )


def output_kind(schemas: Mapping[str, Any], example: object) -> OutputKind:
    """From the schema of the output; a link is of the kind that the model's example has, or of any."""
    output = schemas.get("Output")
    declared = output if isinstance(output, dict) else {}
    item = declared.get("items", declared) if declared.get("type") == "array" else declared
    if isinstance(item, dict) and item.get("type") == "string":
        if item.get("format") != "uri":
            return OutputKind.TEXT
        shown = example.get("output") if isinstance(example, dict) else None
        kinds = {kind_of_link(link) for link in _links(shown)}
        return kinds.pop() if len(kinds) == 1 else OutputKind.OTHER
    return OutputKind.OTHER


def _links(output: object) -> Iterator[str]:
    for one in output if isinstance(output, list) else [output]:
        if isinstance(one, str) and PurePosixPath(urlsplit(one).path).suffix:
            yield one


def _referred(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas that an input can refer to: choices have ones of their own."""
    of_the_api = {"Input", "Output", "PredictionRequest", "PredictionResponse", "Status", "WebhookEvent"}
    return {
        name: schema
        for name, schema in schemas.items()
        if name not in of_the_api and not name.startswith(("HTTPValidation", "Validation", "Training"))
    }
