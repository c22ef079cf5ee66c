"""Every fault that the sandbox can inject, on which operation, and what its argument means."""

from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict


class Operation(StrEnum):
    """A call of a client to a vendor, or of a vendor to a client (webhook)."""

    CREATE = "create"
    GET = "get"
    LIST = "list"
    CANCEL = "cancel"
    DELIVERY = "delivery"
    WEBHOOK = "webhook"
    FILES = "files"
    CHAT = "chat"
    OTHER = "other"


class Fault(StrEnum):
    """Every fault that can be injected."""

    # one call
    REJECT_401 = "reject_401"
    REJECT_402 = "reject_402"
    REJECT_404 = "reject_404"
    REJECT_422 = "reject_422"
    THROTTLED = "throttled"
    THROTTLED_SILENTLY = "throttled_silently"
    SERVER_ERROR = "server_error"
    OUTAGE = "outage"
    DROP_BEFORE_ACCEPT = "drop_before_accept"
    ACCEPT_THEN_DROP = "accept_then_drop"
    ACCEPT_THEN_ERROR = "accept_then_error"
    HANG = "hang"
    UNREADABLE_JSON = "unreadable_json"
    NO_ID = "no_id"
    REFUSED_WITH_200 = "refused_with_200"
    QUEUE_EXHAUSTED = "queue_exhausted"
    SNAKE_CASE_ID = "snake_case_id"
    # one prediction, until it has ended
    QUEUE_SECONDS = "queue_seconds"
    WORK_SECONDS = "work_seconds"
    NEVER_STARTS = "never_starts"
    NEVER_FINISHES = "never_finishes"
    FAILED = "failed"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"
    UNKNOWN_STATUS = "unknown_status"
    MISSING_KEYS = "missing_keys"
    RENAMED_MODEL = "renamed_model"
    PROCESSING_WITH_OUTPUT = "processing_with_output"
    OUTPUT_AS = "output_as"
    ZERO_OUTPUTS = "zero_outputs"
    OUTPUT_AT = "output_at"
    OUTPUT_ERASED = "output_erased"
    LIST_LAG = "list_lag"
    # a cancel request
    CANCEL_REFUSED = "cancel_refused"
    CANCEL_IGNORED = "cancel_ignored"
    # a download of an output
    EXPIRED_LINK = "expired_link"
    TRUNCATED_BODY = "truncated_body"
    ENDLESS_BODY = "endless_body"
    SLOW_BODY = "slow_body"
    WRONG_CONTENT = "wrong_content"
    LENGTH_LIE = "length_lie"
    REDIRECT_PRIVATE = "redirect_private"
    # an answer of a language model
    ANSWER_SECONDS = "answer_seconds"
    ANSWER_REFUSED = "answer_refused"
    ANSWER_FILTERED = "answer_filtered"
    ANSWER_CUT = "answer_cut"
    ANSWER_MALFORMED = "answer_malformed"
    ANSWER_FENCED = "answer_fenced"
    ANSWER_PROSE = "answer_prose"
    ANSWER_STALLS = "answer_stalls"
    ANSWER_BREAKS = "answer_breaks"
    ANSWER_WRITTEN_AS = "answer_written_as"
    ANSWER_FRAMED_AS = "answer_framed_as"
    ANSWER_ERROR = "answer_error"
    FINISH_WORD = "finish_word"
    REFUSES_FIELD = "refuses_field"
    NO_QUOTA = "no_quota"
    # webhooks
    WEBHOOK_NONE = "webhook_none"
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_EARLY = "webhook_early"
    WEBHOOK_OUT_OF_ORDER = "webhook_out_of_order"
    WEBHOOK_FORGED = "webhook_forged"
    WEBHOOK_OLD = "webhook_old"


class FaultSheet(BaseModel):
    """One line of the catalogue."""

    model_config = ConfigDict(frozen=True)

    about: str
    on: Operation | None = Operation.CREATE  #: default operation on which it fires; None = on every call
    acts_on: frozenset[Operation] = frozenset({Operation.CREATE})
    rides: bool = False  #: armed on a create, it stays attached to the prediction
    arg: Literal["text", "seconds", "status"] | None = None
    default: str = ""
    choices: tuple[str, ...] = ()
    times: int = 1  #: default for how often it fires; 0 = until cleared


PRIVATE_URL: Final = "http://169.254.169.254/latest/meta-data/"

CREATES: Final = frozenset({Operation.CREATE})
CALLS: Final = frozenset(Operation) - {Operation.WEBHOOK}
REPLIES: Final = CALLS - {Operation.DELIVERY}
VIEWS: Final = frozenset({Operation.CREATE, Operation.GET})
LISTS: Final = frozenset({Operation.CREATE, Operation.LIST})


def _call(
    about: str,
    arg: Literal["seconds", "status"] | None = None,
    default: str = "",
    *,
    acts_on: frozenset[Operation] = CALLS,
) -> FaultSheet:
    return FaultSheet(about=about, acts_on=acts_on, arg=arg, default=default)


def _lasting(
    about: str,
    arg: Literal["text", "seconds"] | None = None,
    default: str = "",
    *,
    acts_on: frozenset[Operation] = CREATES,
    choices: tuple[str, ...] = (),
) -> FaultSheet:
    return FaultSheet(about=about, acts_on=acts_on, rides=True, arg=arg, default=default, choices=choices)


def _at(
    on: Operation,
    about: str,
    arg: Literal["text", "seconds", "status"] | None = None,
    default: str = "",
    *,
    choices: tuple[str, ...] = (),
    times: int = 1,
) -> FaultSheet:
    acts_on = frozenset({on})
    return FaultSheet(about=about, on=on, acts_on=acts_on, arg=arg, default=default, choices=choices, times=times)


def _webhook(about: str) -> FaultSheet:
    return _at(Operation.WEBHOOK, about, times=0)


OUTPUT_SHAPES: Final = ("string", "list", "object", "text", "empty_list")

ANSWER_STYLES: Final = (
    *("json_lines", "documents", "fenced_pages", "duplicate_key", "cut", "thoughts", "thinking_tag"),
    *("triangle_thoughts", "thoughts_without_beginning", "thoughts_without_end", "correction", "addition", "doubt"),
    *("reasoning_key", "prose_with_brackets", "python_literals", "comments", "elision", "full_width", "separators"),
    *("not_a_number", "invented_key", "first_row_missing", "json_in_a_text"),
)
ANSWER_FRAMINGS: Final = (
    *("parts", "done_only", "thoughts_only", "stream_under_json_header", "document_under_stream_header"),
    *("document_without_reason", "document_as_event", "byte_order_mark", "cr", "several_lines", "newline_delimited"),
    *("repeated_message", "finish_error"),
)
ANSWER_ERRORS: Final = ("too_long", "rate_limit", "no_credit", "minimax_balance", "plain_text", "web_page")
FIELDS: Final = (
    *("stream_options", "response_format", "json_schema", "temperature", "max_tokens", "max_completion_tokens"),
)

CATALOGUE: Final[dict[Fault, FaultSheet]] = {
    Fault.REJECT_401: _call("refuses the call: not a valid token"),
    Fault.REJECT_402: _call("refuses the call: no credit left"),
    Fault.REJECT_404: _call("refuses the call: there is no such thing"),
    Fault.REJECT_422: _call("refuses the call: the input is not valid"),
    Fault.THROTTLED: _call("429 with a Retry-After header of so many seconds", "seconds", "1"),
    Fault.THROTTLED_SILENTLY: _call("429 without a Retry-After header"),
    Fault.SERVER_ERROR: _call("answers with this 5xx and does not accept the call", "status", "500"),
    Fault.OUTAGE: FaultSheet(about="every call is refused with 503 until cleared", on=None, acts_on=CALLS, times=0),
    Fault.DROP_BEFORE_ACCEPT: _call("closes the connection without accepting the call"),
    Fault.ACCEPT_THEN_DROP: _call("accepts the call, then closes the connection without an answer"),
    Fault.ACCEPT_THEN_ERROR: _call("accepts the call, then answers with this 5xx", "status", "502"),
    Fault.HANG: _call("accepts the call, and answers so many seconds later", "seconds", "30"),
    Fault.UNREADABLE_JSON: _call("accepts the call, and answers 2xx with JSON that is cut off", acts_on=REPLIES),
    Fault.NO_ID: _call("accepts the call, and answers 2xx without an id", acts_on=REPLIES),
    Fault.REFUSED_WITH_200: FaultSheet(about="refuses the submit with HTTP 200 and FAILED"),
    Fault.QUEUE_EXHAUSTED: FaultSheet(about="refuses the submit with HTTP 499: the account's queue is full"),
    Fault.SNAKE_CASE_ID: FaultSheet(about="the submit's answer spells the id job_id, not jobId"),
    Fault.QUEUE_SECONDS: _lasting("waits so long in the queue", "seconds", "1"),
    Fault.WORK_SECONDS: _lasting("is worked on for so long", "seconds", "3"),
    Fault.NEVER_STARTS: _lasting("stays in the queue"),
    Fault.NEVER_FINISHES: _lasting("starts and is worked on for ever"),
    Fault.FAILED: _lasting("ends failed with this message", "text", "Prediction failed: CUDA out of memory"),
    Fault.ABORTED: _lasting("ends aborted: its deadline came before it started"),
    Fault.INTERRUPTED: _lasting("is interrupted while it is worked on, costs nothing, and is to be sent again"),
    Fault.UNKNOWN_STATUS: _lasting("while not ended, its status is this word", "text", "hibernating", acts_on=VIEWS),
    Fault.MISSING_KEYS: _lasting("every optional key is left out of the answer", acts_on=VIEWS),
    Fault.RENAMED_MODEL: _lasting("answers name another model than was asked for", "text", "elsewhere/lifeboat"),
    Fault.PROCESSING_WITH_OUTPUT: _lasting(
        "for so long the output is there, yet the status is processing", "seconds", "1"
    ),
    Fault.OUTPUT_AS: _lasting("succeeds with an output of this shape", "text", "list", choices=OUTPUT_SHAPES),
    Fault.ZERO_OUTPUTS: _lasting("succeeds with an output of null"),
    Fault.OUTPUT_AT: _lasting("the output is this URL, by default at a private address", "text", PRIVATE_URL),
    Fault.OUTPUT_ERASED: _lasting("input, output and logs are erased as soon as it has ended"),
    Fault.LIST_LAG: _lasting("missing from lists for so long after its creation", "seconds", "86400", acts_on=LISTS),
    Fault.CANCEL_REFUSED: _at(Operation.CANCEL, "the cancel is answered with this status", "status", "409"),
    Fault.CANCEL_IGNORED: _at(Operation.CANCEL, "the cancel is answered 200, and the work goes on"),
    Fault.EXPIRED_LINK: _at(Operation.DELIVERY, "the link is answered with this status", "status", "404"),
    Fault.TRUNCATED_BODY: _at(Operation.DELIVERY, "the connection closes after half of the promised bytes"),
    Fault.ENDLESS_BODY: _at(Operation.DELIVERY, "the body has no stated length and never ends"),
    Fault.SLOW_BODY: _at(Operation.DELIVERY, "the body comes in 20 pieces, so far apart", "seconds", "0.5"),
    Fault.WRONG_CONTENT: _at(Operation.DELIVERY, "an HTML page comes instead of the image"),
    Fault.LENGTH_LIE: _at(Operation.DELIVERY, "Content-Length promises 10 TB; the connection closes after the image"),
    Fault.REDIRECT_PRIVATE: _at(Operation.DELIVERY, "redirects to this private address", "text", PRIVATE_URL),
    Fault.ANSWER_SECONDS: _at(Operation.CHAT, "the answer takes so long to come", "seconds", "3"),
    Fault.ANSWER_REFUSED: _at(Operation.CHAT, "the model refuses to answer"),
    Fault.ANSWER_FILTERED: _at(Operation.CHAT, "the answer is held back by a content filter"),
    Fault.ANSWER_CUT: _at(Operation.CHAT, "the answer ends in the middle, at the limit of output tokens"),
    Fault.ANSWER_MALFORMED: _at(Operation.CHAT, "JSON comes with single quotes and a comma too many"),
    Fault.ANSWER_FENCED: _at(Operation.CHAT, "JSON comes in a Markdown fence, between polite words"),
    Fault.ANSWER_PROSE: _at(Operation.CHAT, "words come where JSON was asked for"),
    Fault.ANSWER_STALLS: _at(Operation.CHAT, "nothing comes for so long after half of the answer", "seconds", "30"),
    Fault.ANSWER_BREAKS: _at(Operation.CHAT, "the connection closes after half of the answer"),
    Fault.ANSWER_WRITTEN_AS: _at(
        Operation.CHAT, "the table is written in this way", "text", "json_lines", choices=ANSWER_STYLES
    ),
    Fault.ANSWER_FRAMED_AS: _at(
        Operation.CHAT, "the answer is sent in this way", "text", "newline_delimited", choices=ANSWER_FRAMINGS
    ),
    Fault.ANSWER_ERROR: _at(
        Operation.CHAT, "200, and this error inside of the answer", "text", "too_long", choices=ANSWER_ERRORS
    ),
    Fault.FINISH_WORD: _at(Operation.CHAT, "the answer ends for a reason of this word", "text", "end_turn"),
    Fault.REFUSES_FIELD: _at(
        Operation.CHAT, "400 while the request has this field", "text", "stream_options", choices=FIELDS, times=0
    ),
    Fault.NO_QUOTA: _at(Operation.CHAT, "429 that no waiting mends: the account has no credit"),
    Fault.WEBHOOK_NONE: _webhook("no webhook is sent"),
    Fault.WEBHOOK_DUPLICATE: _webhook("each webhook is sent twice, with the same id"),
    Fault.WEBHOOK_EARLY: _lasting("the create is answered only after the first webhook was delivered"),
    Fault.WEBHOOK_OUT_OF_ORDER: _webhook("the last webhook comes first, the others after it"),
    Fault.WEBHOOK_FORGED: _webhook("webhooks are signed with a wrong key"),
    Fault.WEBHOOK_OLD: _webhook("webhooks carry a timestamp of one hour ago"),
}
