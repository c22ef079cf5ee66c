"""Every setting as people read it: its variable, its value and default, and where the value came from.

Secrets are never part of it: of each it is only said whether it is set.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from aijobs.domain.values.durations import written_duration
from aijobs.domain.values.redaction import REMOVED, without_secrets
from aijobs.providers.registry import PROVIDERS
from aijobs.setting_files import SUFFIX
from aijobs.settings import NESTED_BY, PREFIX, VENDORS, Settings

INSTALLATION: Final = "installation"
TEMPORAL: Final = "temporal"
TEMPORAL_PREFIX: Final = "TEMPORAL_"

#: Temporal's own, by the names behind TEMPORAL_. Of secrets it is only said whether they are set.
TEMPORAL_DEFAULTS: Final[Mapping[str, str | None]] = {
    "address": "127.0.0.1:7233",
    "namespace": "default",
    "api_key": None,
    "tls": None,
    "tls_client_cert_path": None,
    "tls_client_key_path": None,
    "tls_server_ca_cert_path": None,
    "tls_server_name": None,
    "profile": None,
}
TEMPORAL_SECRETS: Final = frozenset({"api_key"})

_USER_OF_URL: Final = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET_OF_QUERY: Final = re.compile(r"([?&][^=&]*(?:pass|secret|key|token)[^=&]*=)[^&\s]*", re.IGNORECASE)


class SettingSource(StrEnum):
    """Where a value came from. `START`: from the program that started this process."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    FILE = "file"
    START = "start"


@dataclass(frozen=True, kw_only=True)
class SettingLine:
    """One setting. `value` and `default` are texts, None where nothing is set; those of secrets are always None.

    `meaning` is its message in the table `setting`; the fields of vendors share theirs.
    """

    variable: str
    meaning: str
    value: str | None
    default: str | None
    is_secret: bool
    is_set: bool
    is_bytes: bool
    source: SettingSource
    file: str | None = None  #: that gave it

    @property
    def is_changed(self) -> bool:
        return self.source is not SettingSource.DEFAULT


@dataclass(frozen=True, kw_only=True)
class SettingGroup:
    """The settings of one section. `is_on`: of a vendor, whether it has a key."""

    name: str
    lines: Sequence[SettingLine]
    is_vendor: bool = False
    is_on: bool = True


def setting_groups(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[SettingGroup]:
    """All sections in the order of the settings, those of vendors last and the ones with a key before the others."""
    sections = dict(settings)
    own = [name for name, value in sections.items() if not isinstance(value, BaseModel)]
    plain = [_line(INSTALLATION, (name,), settings, type(settings), environment) for name in own]
    groups = [
        SettingGroup(
            name=name,
            lines=[*_lines(name, (name,), section, environment)],
            is_vendor=name in PROVIDERS,
            is_on=name not in VENDORS or settings.has_key(name),
        )
        for name, section in sections.items()
        if isinstance(section, BaseModel)
    ]
    temporal = SettingGroup(name=TEMPORAL, lines=[_of_temporal(name, environment) for name in TEMPORAL_DEFAULTS])
    ordered = sorted(groups, key=lambda group: (group.is_vendor, group.is_vendor and not group.is_on))
    return [SettingGroup(name=INSTALLATION, lines=plain), temporal, *ordered]


def _lines(
    group: str, path: tuple[str, ...], section: BaseModel, environment: Mapping[str, str]
) -> Iterator[SettingLine]:
    for name, value in section:
        if isinstance(value, BaseModel):
            yield from _lines(group, (*path, name), value, environment)
        else:
            yield _line(group, (*path, name), section, type(section), environment)


def _line(
    group: str, path: tuple[str, ...], section: BaseModel, declared: type[BaseModel], environment: Mapping[str, str]
) -> SettingLine:
    name = path[-1]
    value, default = getattr(section, name), declared.model_fields[name].default
    is_secret = isinstance(value, SecretStr) or "SecretStr" in str(declared.model_fields[name].annotation)
    is_set = bool(value.get_secret_value()) if isinstance(value, SecretStr) else value is not None
    variables = [PREFIX + NESTED_BY.join(path[: depth + 1]).upper() for depth in range(len(path))]
    source, file = _source(variables, environment, is_default=value == default)
    return SettingLine(
        variable=variables[-1],
        meaning=NESTED_BY.join(("vendor", name) if group in PROVIDERS else path),
        value=None if is_secret else _text(value),
        default=None if is_secret else _text(default),
        is_secret=is_secret,
        is_set=is_set,
        is_bytes=name.endswith("bytes"),
        source=source,
        file=file,
    )


def _of_temporal(name: str, environment: Mapping[str, str]) -> SettingLine:
    variable, default = TEMPORAL_PREFIX + name.upper(), TEMPORAL_DEFAULTS[name]
    source, file = _source([variable], environment, is_default=True)
    is_secret = name in TEMPORAL_SECRETS
    value = environment.get(variable) or default
    return SettingLine(
        variable=variable,
        meaning=f"{TEMPORAL}{NESTED_BY}{name}",
        value=None if is_secret else _text(value),
        default=default,
        is_secret=is_secret,
        is_set=source is not SettingSource.DEFAULT,
        is_bytes=False,
        source=source,
        file=file,
    )


def _source(
    variables: Sequence[str], environment: Mapping[str, str], *, is_default: bool
) -> tuple[SettingSource, str | None]:
    """A section may also be given as a whole, as JSON."""
    for variable in variables:
        if environment.get(variable):
            return SettingSource.ENVIRONMENT, None
        if path := environment.get(variable + SUFFIX):
            return SettingSource.FILE, path
    return (SettingSource.DEFAULT if is_default else SettingSource.START), None


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case timedelta():
            return written_duration(value)
        case tuple():
            return ", ".join(_text(part) or "" for part in value)
        case Mapping():
            return json.dumps({str(key): _plain(part) for key, part in value.items()}) if value else ""
        case _:
            return _without_passwords(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    return _without_passwords(str(value))


def _without_passwords(text: str) -> str:
    bare = _USER_OF_URL.sub(f"{REMOVED}@", text)
    return str(without_secrets(_SECRET_OF_QUERY.sub(rf"\1{REMOVED}", bare)))
