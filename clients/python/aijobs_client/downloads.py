"""Where downloads go: a file appears under its name when it is whole and checked, or not at all."""

import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final
from urllib.parse import urlsplit

from aijobs_client.errors import DownloadBroken
from aijobs_client.models import Job, Output

SLASHES: Final = ("/", os.sep)
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,10}")


def prepared(to: Path | str) -> Path:
    """Where downloads go. What is written with a slash at its end is a directory, and is made if need be."""
    if isinstance(to, str) and to.endswith(SLASHES):
        Path(to).mkdir(parents=True, exist_ok=True)
    return Path(to)


def wanted_outputs(what: Job | Output, to: Path) -> tuple[Output, ...]:
    """What is to be downloaded. Raises ValueError when there is nothing, or no room for several files."""
    outputs = what.outputs if isinstance(what, Job) else (what,)
    if not outputs or not all(output.job_code for output in outputs):
        raise ValueError("There is no output: a job has them once it is SUCCESS.")
    if len(outputs) > 1 and not to.is_dir():
        raise ValueError(f"{to} is no directory, and there are {len(outputs)} outputs.")
    return outputs


def goal_of(output: Output, link: str, to: Path) -> Path:
    """`to` itself; in a directory `<job code>_<index>` with the end that the link has."""
    suffix = PurePosixPath(urlsplit(link).path).suffix
    name = f"{output.job_code}_{output.index}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
    return to / name if to.is_dir() else to


class Landing:
    """An output on its way to the disk."""

    def __init__(self, output: Output, file: IO[bytes]) -> None:
        self._output = output
        self._file = file
        self._size = 0
        self._digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        """Raises DownloadBroken when more comes than the output has."""
        self._size += len(chunk)
        if self._size > self._output.size:
            raise DownloadBroken(f"{self._named()}: more came than its {self._output.size} bytes.")
        self._digest.update(chunk)
        self._file.write(chunk)

    def check(self) -> None:
        """Raises DownloadBroken."""
        if self._size != self._output.size:
            raise DownloadBroken(f"{self._named()}: {self._size} of {self._output.size} bytes came.")
        if self._digest.hexdigest() != self._output.sha256:
            raise DownloadBroken(f"{self._named()}: what came has another SHA-256.")

    def _named(self) -> str:
        return f"Output {self._output.index} of {self._output.job_code}"


@contextmanager
def landing(output: Output, goal: Path) -> Iterator[Landing]:
    """What is written here becomes `goal` when the block ends well. Raises DownloadBroken, and leaves nothing then."""
    waiting = goal.with_name(f".{goal.name}.{uuid.uuid4().hex}.part")
    try:
        with waiting.open("xb") as file:
            arriving = Landing(output, file)
            yield arriving
        arriving.check()
        waiting.replace(goal)
    finally:
        waiting.unlink(missing_ok=True)
