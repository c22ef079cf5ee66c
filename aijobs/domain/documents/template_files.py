"""Templates as operators write them: a TOML file each, called by the template's id."""

import re

from pydantic import ValidationError

from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.templates import TEMPLATE_ID, TemplateDefinition
from aijobs.domain.errors import InvalidParameters
from aijobs.domain.values.toml import read_toml


def parse_template(template_id: str, text: str) -> TemplateDefinition:
    """Raises ValueError that names the template and the field which is wrong."""
    if not re.fullmatch(TEMPLATE_ID, template_id):
        raise ValueError(f"{template_id!r} cannot be a template's id: it must match {TEMPLATE_ID}.")
    try:
        document = read_toml(text)
    except ValueError as broken:
        raise ValueError(f"The template {template_id!r} {broken}") from broken
    try:
        definition = TemplateDefinition.model_validate(document)
        split(definition.prompt, definition.stages)
    except ValidationError as invalid:
        wrong = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors())
        raise ValueError(f"The template {template_id!r} is wrong: {wrong}") from invalid
    except InvalidParameters as endless:
        wrong = "; ".join(f"{field.pointer.strip('/').replace('/', '.')}: {field.message}" for field in endless.fields)
        raise ValueError(f"The template {template_id!r} is wrong: {wrong}") from endless
    return definition
