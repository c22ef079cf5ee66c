"""Exit codes, and the error that a command reports."""

from enum import IntEnum
from typing import Final

NAMESPACE_TAKEN_HINT: Final = (
    "Give this one its own TEMPORAL_NAMESPACE. If the other is gone for good: temporal schedule delete -s aijobs-repair"
)


class Exit(IntEnum):
    """Exit codes, for scripts. Click's own 2 means that the command was written wrongly."""

    SUCCESS = 0  #: done; for `watch`: the job is SUCCESS
    ERROR = 1  #: refused or broken; stderr says why
    USAGE = 2  #: an option or a value that the command does not take
    FAILED = 3  #: the watched job is FAILED
    TIMEOUT = 4  #: the watched job is TIMEOUT
    CANCELED = 5  #: the watched job is CANCELED
    NOT_FOUND = 6  #: no such job, or it is another user's
    UNREACHABLE = 7  #: the API does not answer
    INTERRUPTED = 130  #: Ctrl-C


class CommandError(Exception):
    """An error that the user can act on: what is wrong, how to fix it, details line by line."""

    def __init__(self, message: str, *, hint: str = "", details: tuple[str, ...] = (), code: Exit = Exit.ERROR) -> None:
        super().__init__(message)
        self.hint = hint
        self.details = details
        self.code = code
