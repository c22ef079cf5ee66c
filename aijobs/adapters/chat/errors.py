"""HTTP errors of a chat endpoint as our errors: worth another try, or not."""

from typing import Any, Final

from aijobs.adapters.network.http_client import TRY_LATER, HttpReply, retry_after
from aijobs.domain.errors import AijobsError, AnswerRefused, ProviderFailed, ProviderUnavailable

MAX_MESSAGE: Final = 500

#: Errors of the operator's account. The endpoint's own message is not passed on: it may quote the key.
OPERATORS: Final = {
    401: "The chat endpoint does not accept the key.",
    402: "The chat endpoint's account has no credit.",
    403: "The chat endpoint does not allow this key to do that.",
}

NO_CREDIT: Final = frozenset({"insufficient_quota", "Arrearage"})
FILTERED: Final = frozenset({"content_filter", "content_policy_violation", "data_inspection_failed"})


def error_for(reply: HttpReply, *, key: str) -> AijobsError:
    """The error for a status of 300 or more. `key` never appears in its message."""
    problem = _problem(reply)
    code = {str(problem.get("code")), str(problem.get("type"))}
    if reply.status in OPERATORS:
        return ProviderFailed(OPERATORS[reply.status])
    if code & NO_CREDIT:
        return ProviderFailed(OPERATORS[402])
    if reply.status in TRY_LATER or reply.status >= 500:
        wait = retry_after(reply.headers)
        return ProviderUnavailable(f"The chat endpoint answered {reply.status}.", retry_after=wait)
    if code & FILTERED:
        return AnswerRefused("The provider's content filter refuses the question.")
    message = str(problem.get("message") or "").replace(key, "…").strip()[:MAX_MESSAGE]
    return ProviderFailed(f"The chat endpoint answered {reply.status}{': ' + message if message else '.'}")


def _problem(reply: HttpReply) -> dict[str, Any]:
    """OpenAI's `{"error": {…}}`; some endpoints leave the outer object out, or give a text alone."""
    document = reply.document() or {}
    error = document.get("error", document)
    return error if isinstance(error, dict) else {"message": error}
