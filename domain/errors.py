"""What can go wrong, and whether another try can help.

AijobsError
├── PermanentError              another try cannot help
│   ├── BadInput                the caller sent something we do not take
│   │   ├── InvalidParameters   ...and we can name each field
│   │   ├── UnknownModel
│   │   ├── ModelNotConfigured  its provider has no key here
│   │   ├── UnreadableFile      not the kind of file it should be
│   │   └── FileTooLarge
│   ├── NotAuthenticated
│   ├── NotAllowed
│   ├── NotFound                or somebody else's
│   ├── JobIsFinal
│   ├── IdempotencyMismatch     same key, other body
│   ├── IdempotencyInFlight
│   ├── PointsExhausted
│   ├── NothingHeld             there are no points that wait for a decision
│   ├── CannotRerun             there is nothing to begin again from
│   ├── SubmissionExists        an earlier one may have arrived
│   ├── IllegalMove             a status that the table forbids
│   ├── ProviderFailed          the provider says so, for good
│   └── OutputRefused           not what was promised, or not from where it should come
└── TransientError              another try may help
    ├── ProviderUnavailable     5xx, 429, network; may carry Retry-After
    ├── LinkExpired             ask the provider for a new link
    ├── DownloadInterrupted     what came was not all of it
    │   └── HostUnreachable     nothing came: an outage, which passes
    └── StoreUnavailable
"""

from dataclasses import dataclass
from datetime import timedelta


class AijobsError(Exception):
    """Anything of ours. `code` is stable and meant for programs, `str()` for people."""

    code = "error"


class PermanentError(AijobsError):
    """Another try cannot help."""


class TransientError(AijobsError):
    """Another try may help, not before `retry_after` where that is known."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class FieldError:
    """One wrong field. `pointer` is a JSON pointer (RFC 6901) into the body that was sent."""

    pointer: str
    message: str


class BadInput(PermanentError):
    """The caller sent something that we do not take."""

    code = "bad_input"

    def __init__(self, message: str, *fields: FieldError) -> None:
        super().__init__(message)
        self.fields = fields


class InvalidParameters(BadInput):
    code = "invalid_parameters"


class UnknownModel(BadInput):
    code = "unknown_model"


class ModelNotConfigured(BadInput):
    code = "model_not_configured"


class UnreadableFile(BadInput):
    code = "unreadable_file"


class FileTooLarge(BadInput):
    code = "file_too_large"


class NotAuthenticated(PermanentError):
    code = "not_authenticated"


class NotAllowed(PermanentError):
    code = "not_allowed"


class NotFound(PermanentError):
    code = "not_found"


class JobIsFinal(PermanentError):
    code = "job_is_final"


class IdempotencyMismatch(PermanentError):
    code = "idempotency_mismatch"


class IdempotencyInFlight(PermanentError):
    code = "idempotency_in_flight"


class PointsExhausted(PermanentError):
    code = "points_exhausted"


class CannotRerun(PermanentError):
    code = "cannot_rerun"


class NothingHeld(PermanentError):
    code = "nothing_held"


class SubmissionExists(PermanentError):
    """A job is handed over again only when every earlier submission was surely rejected."""

    code = "submission_exists"


class IllegalMove(PermanentError):
    """A status change that the table of moves forbids."""

    code = "illegal_move"

    def __init__(self, current: str, wanted: str) -> None:
        super().__init__(f"A job in {current} cannot become {wanted}.")


class ProviderFailed(PermanentError):
    code = "provider_failed"


class OutputRefused(PermanentError):
    """An output is not what was promised, or not from where it should come. Nothing of it is kept."""

    code = "output_refused"


class ProviderUnavailable(TransientError):
    code = "provider_unavailable"


class LinkExpired(TransientError):
    code = "link_expired"


class DownloadInterrupted(TransientError):
    code = "download_interrupted"


class HostUnreachable(DownloadInterrupted):
    code = "host_unreachable"


class StoreUnavailable(TransientError):
    code = "store_unavailable"
