"""An endpoint's error as ours: worth another try, or not. One decision for errors with and without a status line."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from aijobs.adapters.chat.error_rules import ProblemKind, kind_of
from aijobs.adapters.chat.problems import ChatProblem
from aijobs.adapters.network.http_client import MAX_RETRY_AFTER, retry_after
from aijobs.domain.errors import AijobsError, AnswerLost, AnswerRefused, ProviderFailed, ProviderUnavailable

MAX_MESSAGE: Final = 500

#: Errors of the operator's account. The endpoint's own message is not passed on: it may quote the key.
OPERATORS: Final = {
    401: "The chat endpoint does not accept the key.",
    402: "The chat endpoint's account has no credit.",
    403: "The chat endpoint does not allow this key to do that.",
}
WRONG_BASE_URL: Final = "Is AIJOBS_CHAT__BASE_URL the address of the API? Most end in /v1."
WEB_PAGE: Final = f"The chat endpoint answers a web page. {WRONG_BASE_URL}"

#: Statuses within an answer with which the question was surely not answered, and not charged.
NOT_ANSWERED: Final = frozenset({408, 425, 429, 503, 529})


def error_for(
    problem: ChatProblem,
    *,
    key: str,
    in_answer: bool,
    after_text: bool = False,
    headers: Mapping[str, str] | None = None,
) -> AijobsError:
    """The error for a problem; `key` never appears in its message.

    `in_answer`: it came with status 200, so that the question may have been charged. `after_text`: it surely was.
    """
    message = problem.message.replace(key, "…").strip()[:MAX_MESSAGE]
    said = f"The chat endpoint answered {problem.status or 'with an error'}{': ' + message if message else '.'}"
    match kind_of(problem):
        case ProblemKind.NO_CREDIT:
            return ProviderFailed(OPERATORS[402])
        case ProblemKind.WRONG_KEY:
            return ProviderFailed(OPERATORS[403 if problem.status == 403 else 401])
        case ProblemKind.FILTERED:
            return AnswerRefused("The provider's content filter refuses the question.")
        case ProblemKind.TOO_LONG:
            return ProviderFailed(f"The question is too long for the model. {said}")
        case ProblemKind.FOR_GOOD:
            return ProviderFailed(said)
        case ProblemKind.LATER:
            wait = retry_after(headers or {}) or _bounded(problem.retry_after)
            is_sure = not in_answer or (not after_text and problem.status in {*NOT_ANSWERED, None})
            return (ProviderUnavailable if is_sure else AnswerLost)(said, retry_after=wait)
        case ProblemKind.UNKNOWN:
            return AnswerLost(said, retry_after=_bounded(problem.retry_after))


def _bounded(wait: timedelta | None) -> timedelta | None:
    return None if wait is None else min(wait, MAX_RETRY_AFTER)
