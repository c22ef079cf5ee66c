"""Several credentials of one vendor: a section's own token is the first, and its `credentials` are the others.

`AIJOBS_ACME__CREDENTIALS="spare=key2… spare.webhook_secret=whsec_… third=key3…"`: a name alone is that of a token,
`name.field` any other field of the section. Its secrets are its own, and everything else is as in the section.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self, cast

from pydantic import AfterValidator, BaseModel, SecretStr, ValidationError, create_model, model_validator

from aijobs.domain.ports.credentials import credential_id
from aijobs.domain.vendor import VendorSettings

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
KEY_FIELD: Final = "token"
OTHERS: Final = "credentials"


def _parsed(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for number, written in enumerate(text.split(), 1):
        name_and_field, assigned, value = written.partition("=")
        name, _, field = name_and_field.partition(".")
        if not assigned or not NAME.fullmatch(name):
            raise ValueError(f"credentials: part {number} is not name=key or name.field=value")
        fields, field = found.setdefault(name, {}), field or KEY_FIELD
        if field == OTHERS:
            raise ValueError(f"credentials: {name} has no credentials of its own")
        if field in fields:
            raise ValueError(f"credentials: {name}.{field} is given twice")
        fields[field] = value
    return found


def _readable(written: SecretStr) -> SecretStr:
    """Raises ValueError for what is no list of credentials."""
    _parsed(written.get_secret_value())
    return written


class HasCredentials(BaseModel):
    """A section of the settings with any number of credentials."""

    credentials: Annotated[SecretStr, AfterValidator(_readable)] | None = None

    def others(self) -> Mapping[str, BaseModel]:
        """The section as each of the other credentials has it, by their names. Raises ValueError, without secrets."""
        given = _parsed(self.credentials.get_secret_value()) if self.credentials else {}
        shared = {name: value for name, value in self if not isinstance(value, SecretStr)}
        return {name: self._section(name, shared | fields) for name, fields in given.items()}

    @model_validator(mode="before")
    @classmethod
    def _of_a_plain_section(cls, given: Any) -> Any:
        """A section of the vendor's own class has one credential. `dict` alone would ask one with `keys` for those."""
        return dict(iter(given)) if isinstance(given, BaseModel) and not isinstance(given, cls) else given

    @model_validator(mode="after")
    def _all_can_be_used(self) -> Self:
        if self.others() and not getattr(self, KEY_FIELD):
            raise ValueError("credentials: they come besides a token, and there is none")
        return self

    def _section(self, name: str, fields: Mapping[str, Any]) -> BaseModel:
        try:
            section = type(self).model_validate({**fields})
        except ValidationError as invalid:
            first = invalid.errors()[0]
            where = ".".join(map(str, (name, *first["loc"])))
            raise ValueError(f"credentials: {where}: {first['msg']}") from None
        if not getattr(section, KEY_FIELD):
            raise ValueError(f"credentials: {name} has no token")
        return section


def with_credentials(name: str, settings: type[BaseModel]) -> type[BaseModel]:
    """The class of a section, which may have several credentials."""
    return create_model(f"{name}_settings", __base__=(HasCredentials, settings))


def sections_of(name: str, section: VendorSettings) -> Mapping[str, VendorSettings]:
    """The section by each of its credentials; none without a token."""
    if not section.token:
        return {}
    others = section.others() if isinstance(section, HasCredentials) else {}
    return {name: section, **{credential_id(name, one): cast(VendorSettings, it) for one, it in others.items()}}
