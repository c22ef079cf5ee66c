"""Downloads to files: a file appears under its name when it is complete and verified, or not at all."""

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


def prepare_target(to: Path | str) -> Path:
    """`to` as a path. With a slash at its end it is a directory, which is created when it does not exist."""
    if isinstance(to, str) and to.endswith(SLASHES):
        Path(to).mkdir(parents=True, exist_ok=True)
    return Path(to)


def outputs_to_download(what: Job | Output, to: Path) -> tuple[Output, ...]:
    """The outputs to download. Raises ValueError when there are none, or when several would become one file."""
    outputs = what.outputs if isinstance(what, Job) else (what,)
    if not outputs or not all(output.job_code for output in outputs):
        raise ValueError("There is no output: a job has them once it is SUCCESS.")
    if len(outputs) > 1 and not to.is_dir():
        raise ValueError(f"{to} is no directory, and there are {len(outputs)} outputs.")
    return outputs


def destination_of(output: Output, link: str, to: Path) -> Path:
    """`to` itself; in a directory `<job code>_<index>` with the suffix of the link."""
    suffix = PurePosixPath(urlsplit(link).path).suffix
    name = f"{output.job_code}_{output.index}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
    return to / name if to.is_dir() else to


class VerifiedFile:
    """Writes an output to a file, and checks its size and SHA-256."""

    def __init__(self, output: Output, file: IO[bytes]) -> None:
        self._output = output
        self._file = file
        self._size = 0
        self._digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        """Raises DownloadBroken when there are more bytes than the output has."""
        self._size += len(chunk)
        if self._size > self._output.size:
            raise DownloadBroken(f"{self._label()}: more came than its {self._output.size} bytes.")
        self._digest.update(chunk)
        self._file.write(chunk)

    def check(self) -> None:
        """Raises DownloadBroken when size or SHA-256 differ."""
        if self._size != self._output.size:
            raise DownloadBroken(f"{self._label()}: {self._size} of {self._output.size} bytes came.")
        if self._digest.hexdigest() != self._output.sha256:
            raise DownloadBroken(f"{self._label()}: what came has another SHA-256.")

    def _label(self) -> str:
        return f"Output {self._output.index} of {self._output.job_code}"


@contextmanager
def whole_file(destination: Path) -> Iterator[IO[bytes]]:
    """Becomes `destination` when the block ends without an error, else nothing is kept."""
    part = destination.with_name(f".{destination.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(destination)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def verified_file(output: Output, destination: Path) -> Iterator[VerifiedFile]:
    """Becomes `destination` when the block ends without an error, else nothing is kept. Raises DownloadBroken."""
    with whole_file(destination) as file:
        verified = VerifiedFile(output, file)
        yield verified
        verified.check()
