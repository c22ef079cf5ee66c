"""All errors of ours, and whether a retry can help.

AijobsError
├── PermanentError              another try cannot help
│   ├── BadInput                the caller sent something we do not take
│   │   ├── InvalidParameters   ...and we can name each field
│   │   │   └── NoTableHeader   no row names any column of the template: the file is no table of it
│   │   ├── UnknownModel
│   │   ├── ModelNotConfigured  its provider has no key here
│   │   ├── ModelRetired        its sunset has come
│   │   ├── ModelCannotBeautify makes no picture of a photo
│   │   ├── UnreadableFile      not the kind of file it should be
│   │   ├── FileTooLarge
│   │   └── TooExpensive        it would cost more than its template allows
│   ├── NotAuthenticated
│   │   └── CredentialExpired   it was good once
│   ├── NotAllowed
│   ├── NotFound                it does not exist, or is another user's
│   │   └── UnknownJob          a workflow's, that this database, an older copy perhaps, does not have
│   ├── JobIsFinal
│   ├── BatchIsFinal
│   ├── CancelRequested         the owner has asked to cancel the job; the message is the reason given
│   ├── DeadlinePassed          the time of the whole job is over
│   ├── JobExpired              it had not started by the time that its order names
│   ├── IdempotencyMismatch     same key, other body
│   ├── IdempotencyInFlight
│   ├── PointsExhausted
│   ├── CannotRotate            the key has ended, or has a successor
│   ├── AlreadyPaused           by somebody, for a reason that is there
│   ├── AlreadyHeld             by a legal hold
│   ├── OnLegalHold             it must not be erased yet
│   ├── StillInUse              it cannot be deleted before its job has ended
│   ├── NothingHeld             there are no points that wait for a decision
│   ├── NothingToReview         the job has no table, or none yet
│   ├── CannotRerun             there is nothing to begin again from
│   ├── PhotoCannotBeBeautified its review says so
│   ├── PhotoIsBeingBeautified  one job at a time
│   ├── SubmissionExists        an earlier one may have arrived
│   ├── SubmissionForgotten     one left, and the database does not have it; it is not sent again
│   ├── IllegalMove             a status that the table forbids
│   ├── ProviderFailed          the provider says so, for good
│   │   ├── ProviderRejected    it does not take this job
│   │   │   └── ProviderBlocked it takes none of this account, until somebody pays or grants something there
│   │   ├── SubmissionLost      it never got the request
│   │   │   └── SubmissionVoided it has made nothing of it, and another is sent
│   │   ├── AnswerRefused       the model refuses to answer the question
│   │   └── AnswerUnusable      the answer is not in the requested form
│   ├── OutputRefused           not what was promised, or not from where it should come
│   ├── AddressRefused          a link leads to a private address
│   ├── PayloadUnreadable       encrypted with a key that is not here, or altered
│   ├── EndpointDisabled        no webhooks go there until it is enabled again
│   ├── TooManyEndpoints
│   └── WebhookGivenUp          no attempt succeeded
└── TransientError              another try may help
    ├── ProviderUnavailable     5xx, 429, network; may carry Retry-After
    │   └── AnswerLost          a question was sent, and no complete answer arrived
    ├── SlotAwaited             as much is in flight as may be: the job waits in line, and is not sent yet
    ├── TemporalUnavailable
    │   ├── TemporalMisconfigured a certificate, key or address of ours cannot be used
    │   └── NamespaceTaken      it belongs to another installation: nothing is started there
    ├── DatabaseUnavailable     its disk is full, it is locked, or it cannot be written
    │   └── SchemaMismatch      its tables are older or newer than this version's
    ├── NotReady                something that we need is missing
    ├── Overtaken               another try of the same step was faster
    ├── TooManyStreams          of one caller
    ├── TooManyWrongKeys        of one address, or for one key
    ├── RateLimited             of one key, user or address
    ├── TooBusy                 with those of all callers
    ├── NoRoom                  on this host, for temporary files or more open ones
    ├── LinkExpired             ask the provider for a new link
    ├── DownloadInterrupted     the download was incomplete
    │   └── HostUnreachable     nothing came: an outage, which passes
    ├── StoreUnavailable
    └── WebhookNotTaken         it is tried again, on its schedule
"""

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self


class AijobsError(Exception):
    """Base of all our errors. `code` is stable and meant for programs, `str()` for people."""

    code = "error"


class PermanentError(AijobsError):
    """A retry cannot help."""


class TransientError(AijobsError):
    """A retry may help, not before `retry_after` where that is known."""

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


class NoTableHeader(InvalidParameters):
    """No row of an uploaded file names any column of the template."""

    code = "no_table_header"


class UnknownModel(BadInput):
    code = "unknown_model"


class ModelNotConfigured(BadInput):
    code = "model_not_configured"


class ModelRetired(BadInput):
    """The model's sunset has come. The message names what to use instead, where that is known."""

    code = "model_retired"


class ModelCannotBeautify(BadInput):
    """The model makes no pictures, or not of a photo that it is given."""

    code = "model_cannot_beautify"


class UnreadableFile(BadInput):
    code = "unreadable_file"


class FileTooLarge(BadInput):
    code = "file_too_large"


class TooExpensive(BadInput):
    """A document job would cost more than its template's `max_cost`, or its cost cannot be told."""

    code = "too_expensive"


class NotAuthenticated(PermanentError):
    code = "not_authenticated"


class CredentialExpired(NotAuthenticated):
    """What was sent was good once."""


class NotAllowed(PermanentError):
    code = "not_allowed"


class NotFound(PermanentError):
    code = "not_found"


class UnknownJob(NotFound):
    code = "unknown_job"


class JobIsFinal(PermanentError):
    code = "job_is_final"


class BatchIsFinal(PermanentError):
    code = "batch_is_final"


class CancelRequested(PermanentError):
    code = "cancel_requested"


class DeadlinePassed(PermanentError):
    code = "deadline_passed"


class JobExpired(PermanentError):
    code = "expired"


class IdempotencyMismatch(PermanentError):
    code = "idempotency_mismatch"


class IdempotencyInFlight(PermanentError):
    code = "idempotency_in_flight"


class CannotRotate(PermanentError):
    """The key is revoked, has expired, or has a successor already."""

    code = "cannot_rotate"


class AlreadyPaused(PermanentError):
    code = "already_paused"


class AlreadyHeld(PermanentError):
    """There is a legal hold on it."""

    code = "already_held"


class OnLegalHold(PermanentError):
    """Nothing of it is erased before the hold is ended."""

    code = "on_legal_hold"


class StillInUse(PermanentError):
    """It cannot be deleted yet: a job that has not ended needs it, or it is one."""

    code = "still_in_use"


class PointsExhausted(PermanentError):
    code = "points_exhausted"


class NothingToReview(PermanentError):
    """The job has no table, or none yet."""

    code = "nothing_to_review"


class CannotRerun(PermanentError):
    code = "cannot_rerun"


class PhotoCannotBeBeautified(PermanentError):
    """Its review says so, or there is none yet."""

    code = "photo_cannot_be_beautified"


class PhotoIsBeingBeautified(PermanentError):
    """Another job works on it; a photo is beautified by one at a time."""

    code = "photo_is_being_beautified"


class NothingHeld(PermanentError):
    code = "nothing_held"


class SubmissionExists(PermanentError):
    """A job is handed over again only when every earlier submission was surely rejected."""

    code = "submission_exists"


class SubmissionForgotten(PermanentError):
    code = "submission_forgotten"


class IllegalMove(PermanentError):
    code = "illegal_move"

    def __init__(self, current: str, target: str) -> None:
        super().__init__(f"A job in {current} cannot become {target}.")


class ProviderFailed(PermanentError):
    code = "provider_failed"


class ProviderRejected(ProviderFailed):
    code = "provider_rejected"


class ProviderBlocked(ProviderRejected):
    code = "provider_blocked"


class SubmissionLost(ProviderFailed):
    code = "submission_lost"


class SubmissionVoided(SubmissionLost):
    """The provider has made nothing of it, and the next one has not been sent."""

    code = "submission_voided"


class AnswerRefused(ProviderFailed):
    code = "answer_refused"


class AnswerUnusable(ProviderFailed):
    """The answer is not the requested table, also after asking again."""

    code = "answer_unusable"


class OutputRefused(PermanentError):
    """An output is not what was promised, or not from where it should come. Nothing of it is kept."""

    code = "output_refused"


class AddressRefused(PermanentError):
    """A link leads to an address that is not public, and that no operator has listed."""

    code = "address_refused"


class PayloadUnreadable(PermanentError):
    """What Temporal has is encrypted with a key that this process does not have, or was altered."""

    code = "payload_unreadable"


class EndpointDisabled(PermanentError):
    code = "endpoint_disabled"


class TooManyEndpoints(PermanentError):
    code = "too_many_endpoints"


class WebhookGivenUp(PermanentError):
    code = "webhook_given_up"


class ProviderUnavailable(TransientError):
    code = "provider_unavailable"


class AnswerLost(ProviderUnavailable):
    """The question may have been charged; asking again is charged again."""

    code = "answer_lost"


class SlotAwaited(TransientError):
    code = "slot_awaited"


class TemporalUnavailable(TransientError):
    code = "temporal_unavailable"


class TemporalMisconfigured(TemporalUnavailable):
    """The text begins with the name of the setting that is wrong."""

    code = "temporal_unavailable"


class NamespaceTaken(TemporalUnavailable):
    code = "namespace_taken"


class DatabaseUnavailable(TransientError):
    code = "database_unavailable"


class SchemaMismatch(DatabaseUnavailable):
    code = "database_unavailable"


class NotReady(TransientError):
    """Something that we need is missing; each is named."""

    code = "not_ready"

    def __init__(self, *missing: FieldError) -> None:
        super().__init__(f"Missing: {', '.join(field.pointer.lstrip('/') for field in missing)}.")
        self.fields = missing


class Overtaken(TransientError):
    code = "overtaken"


class TooManyWrongKeys(TransientError):
    """Wrong keys or wrong sign-ins, from one address or for one key."""

    code = "too_many_wrong_keys"


class RateLimited(TransientError):
    """One key, user or address has sent more requests than it may."""

    code = "rate_limited"


class TooManyStreams(TransientError):
    """One caller has as many streams open as one may have."""

    code = "too_many_streams"


class TooBusy(TransientError):
    """The process is at its limit, over all callers."""

    code = "too_busy"


class NoRoom(TransientError):
    """This host has run out of something."""

    code = "no_room"

    @classmethod
    def of(cls, error: OSError) -> Self | None:
        """None for any other failure."""
        reason = HOST_IS_FULL.get(error.errno or 0)
        return cls(f"{reason} Try again later.") if reason else None


HOST_IS_FULL: Final[Mapping[int, str]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "The disk for temporary files is full."),
    errno.EROFS: "The disk for temporary files cannot be written.",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "Too many files are open."),
}


class LinkExpired(TransientError):
    code = "link_expired"


class DownloadInterrupted(TransientError):
    code = "download_interrupted"


class HostUnreachable(DownloadInterrupted):
    code = "host_unreachable"


class StoreUnavailable(TransientError):
    code = "store_unavailable"


class WebhookNotTaken(TransientError):
    code = "webhook_not_taken"


def codes_below(error: type[AijobsError]) -> Iterator[str]:
    """The codes of an error and of those that are its kinds."""
    yield error.code
    for kind in error.__subclasses__():
        yield from codes_below(kind)
