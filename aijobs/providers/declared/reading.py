"""Reads a file that declares a provider, and names everything that is wrong in it."""

from typing import Final

from pydantic import ValidationError

from aijobs.domain.values.toml import read_toml
from aijobs.providers.declared.checks import wrong_parts
from aijobs.providers.declared.declaration import Declaration

LARGEST_FILE: Final = 256 * 1024  #: characters of a declaration


class DeclarationError(ValueError):
    """A declaration is wrong; the text names each section and what is wrong in it, one a line."""


def read_declaration(text: str) -> Declaration:
    """Raises DeclarationError."""
    if len(text) > LARGEST_FILE:
        raise DeclarationError(f"The file is longer than {LARGEST_FILE} characters.")
    try:
        document = read_toml(text)
    except ValueError as broken:
        raise DeclarationError(f"The file {broken}") from broken
    try:
        declaration = Declaration.model_validate(document)
    except ValidationError as invalid:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in invalid.errors())
        raise DeclarationError("\n".join(wrong)) from None
    if wrong_ones := list(wrong_parts(declaration)):
        raise DeclarationError("\n".join(wrong_ones))
    return declaration
