"""Settings from files: `AIJOBS_SECRET_FILE=/run/secrets/aijobs` gives AIJOBS_SECRET, and so for every variable.

Secrets of containers are files: an environment is shown by `docker inspect`, and inherited by every child.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

SUFFIX: Final = "_FILE"
MAX_BYTES: Final = 64 * 1024


class SettingFileError(ValueError):
    """A file cannot give a setting; the text names the variable, and never the content."""


def file_variables(environment: Mapping[str, str], variables: Collection[str]) -> Iterator[str]:
    """The variables in the environment that name the file of one of `variables`."""
    known = set(variables)
    for name in environment:
        if name.endswith(SUFFIX) and name not in known and name.removesuffix(SUFFIX) in known:
            yield name


def read_files(environment: Mapping[str, str], variables: Collection[str]) -> dict[str, str]:
    """The settings that files give, by variable. Line ends at the end of a file are not part of a setting.

    Raises SettingFileError when a file cannot be read, or a variable is set beside its file.
    """
    return dict(_read(environment, name) for name in file_variables(environment, variables) if environment[name])


def _read(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    variable, path = name.removesuffix(SUFFIX), Path(environment[name])
    if environment.get(variable):
        raise SettingFileError(f"{variable} and {name} are both set: leave one out")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingFileError(f"{name}: {path} has more than {MAX_BYTES} bytes")
        return variable, content.decode("utf-8").rstrip("\r\n")
    except OSError as unreadable:
        raise SettingFileError(f"{name}: {path} cannot be read: {unreadable.strerror}") from unreadable
    except UnicodeDecodeError:
        raise SettingFileError(f"{name}: {path} is no text") from None
