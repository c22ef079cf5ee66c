"""Any model on Replicate, as its API describes it: `owner/name`, or `owner/name:version`.

An official model runs under its name alone, always at its present version; any other is pinned to a version, since its
next one may take other parameters.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from aijobs.domain.errors import BadInput, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.provider_io import ModelDescription
from aijobs.providers.predictors import input_schema, output_kind, schemas_in

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
    """From Replicate's documents of a model and of one of its versions.

    Raises BadInput for one that has no schema, and ProviderUnavailable for what is no model.
    """
    owner, name, version_id = model.get("owner"), model.get("name"), version.get("id")
    if not isinstance(owner, str) or not isinstance(name, str):
        raise ProviderUnavailable("Replicate gives a model that cannot be read.")
    full_name = f"{owner}/{name}"
    schemas = schemas_in(version.get("openapi_schema"))
    if not isinstance(version_id, str) or not schemas:
        raise BadInput(f"Replicate publishes no schema of the parameters of {full_name}.")
    kind = output_kind(schemas, model.get("default_example"))
    return ModelDescription(
        model=f"{full_name}:{version_id}" if is_pinned else full_name,
        model_version=version_id[:12] if is_pinned else OFFICIAL,
        title=name,
        description=str(model.get("description") or full_name),
        platform="Replicate",
        type="text" if kind is OutputKind.JSON else kind.value,
        output_kind=kind,
        input_schema=input_schema(schemas),
        processing=LONGEST_RUN,
    )
