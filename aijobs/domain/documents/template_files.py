"""Templates as operators write them: a TOML file each, called by the template's id."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aijobs.domain.documents.prompt_stages import split
from aijobs.domain.documents.templates import TEMPLATE_ID, TemplateDefinition
from aijobs.domain.errors import InvalidParameters
from aijobs.domain.values.toml import read_toml


@dataclass(frozen=True, kw_only=True)
class TemplateFile:
    """A template as a file holds it. `sha256` is the file's, in hex."""

    template_id: str
    definition: TemplateDefinition
    sha256: str


def read_template(file: Path) -> TemplateFile:
    """Raises OSError, and ValueError that names the template and the field which is wrong."""
    content = file.read_bytes()
    return TemplateFile(
        template_id=file.stem,
        definition=parse_template(file.stem, content.decode()),
        sha256=hashlib.sha256(content).hexdigest(),
    )


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
