"""What the answer to a paid request means, by a table of each vendor's own: made, not made, or nobody knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from aijobs.adapters.network.http_client import HttpReply, NoReply, NotSent, retry_after
from aijobs.domain.jobs.submissions import Accepted, Ref, Rejected, SubmitOutcome, Unknown

MAX_MESSAGE: Final = 2_000  #: characters of a vendor's text that are kept


class SubmitVerdict(StrEnum):
    """What an answer that is no success says of the job."""

    REJECTED = "rejected"  #: not made; the same request would fail again
    BLOCKED = "blocked"  #: not made, nor any other before somebody pays, or grants something, at the vendor
    LATER = "later"  #: not made; it may be sent again
    ONCE_MORE = "once_more"  #: refused, as the vendor does by mistake at times; sent once more where a model allows it
    UNKNOWN = "unknown"  #: it may have been made


#: What most vendors mean. Whatever is not named (a conflict, a redirect, a gateway's 5xx) is unknown.
USUAL_STATUSES: Final[Mapping[int, SubmitVerdict]] = {
    **dict.fromkeys((400, 401, 403, 404, 413, 415, 422), SubmitVerdict.REJECTED),
    402: SubmitVerdict.BLOCKED,
    429: SubmitVerdict.LATER,
}


@dataclass(frozen=True, kw_only=True)
class ErrorTable:
    """By HTTP status, and before it by the vendor's own code: (429, "quota") stands for other than 429 alone.

    A code with None instead of a status means the same with every status, a success too.
    """

    statuses: Mapping[int, SubmitVerdict] = field(default_factory=lambda: USUAL_STATUSES)
    codes: Mapping[tuple[int | None, str], SubmitVerdict] = field(default_factory=dict)

    def meaning(self, status: int, code: str | None = None) -> SubmitVerdict:
        if code is not None:
            for key in ((status, code), (None, code)):
                if key in self.codes:
                    return self.codes[key]
        return self.statuses.get(status, SubmitVerdict.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class SubmitDialect:
    """How one vendor answers a create. The functions get the answer's JSON object; `ref_in` finds the job in it."""

    label: str
    ref_in: Callable[[Mapping[str, Any]], Ref | None]
    errors: ErrorTable = field(default_factory=ErrorTable)
    code_in: Callable[[Mapping[str, Any]], str | None] = lambda _answer: None
    message_in: Callable[[Mapping[str, Any]], str | None] = lambda _answer: None
    wait_in: Callable[[HttpReply], timedelta | None] = lambda reply: retry_after(reply.headers)

    def message_of(self, reply: HttpReply) -> str:
        message = self.message_in(reply.document() or {}) or f"{self.label} answered {reply.status}"
        return message.strip()[:MAX_MESSAGE]

    def outcome_of(self, reply: HttpReply | NotSent | NoReply) -> SubmitOutcome:
        """Made only by a success with a reference; not made only where the table says so."""
        match reply:
            case NotSent(reason):
                return Rejected("provider_unreachable", f"{self.label} cannot be reached: {reason}", may_retry=True)
            case NoReply(reason):
                return Unknown(f"no answer came back: {reason}")
        answer = reply.document() or {}
        if reply.ok and (ref := self.ref_in(answer)):
            return Accepted(ref)
        return self._unaccepted(reply, self.errors.meaning(reply.status, self.code_in(answer)))

    def _unaccepted(self, reply: HttpReply, meaning: SubmitVerdict) -> SubmitOutcome:
        match meaning:
            case SubmitVerdict.REJECTED:
                return Rejected("provider_rejected", self.message_of(reply))
            case SubmitVerdict.ONCE_MORE:
                return Rejected("provider_rejected", self.message_of(reply), once_more=True)
            case SubmitVerdict.BLOCKED:
                return Rejected("provider_blocked", self.message_of(reply), account_must_act=True)
            case SubmitVerdict.LATER:
                wait = self.wait_in(reply)
                return Rejected("provider_throttled", self.message_of(reply), may_retry=True, retry_after=wait)
            case SubmitVerdict.UNKNOWN if reply.ok:
                return Unknown(f"{self.label} answered {reply.status} without a job that could be read")
            case SubmitVerdict.UNKNOWN:
                return Unknown(f"{self.label} answered {reply.status}")
