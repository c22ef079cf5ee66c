"""A chat completions endpoint as a `ChatModel`: one request, one streamed answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from aijobs.adapters.chat.errors import WEB_PAGE, WRONG_BASE_URL, error_for
from aijobs.adapters.chat.problems import ChatProblem, is_page, problem_in
from aijobs.adapters.chat.request import request_body
from aijobs.adapters.chat.response import EndpointProblem, PartialCompletion, read_answer
from aijobs.adapters.chat.settings import ChatSettings
from aijobs.adapters.chat.supported_fields import Dialect, DialectMemory, setting_for, stepped_down
from aijobs.adapters.network.http_client import (
    HttpClient,
    HttpReply,
    NoReply,
    NotSent,
    StreamBroken,
    StreamedReply,
    Timeouts,
    opened_http,
)
from aijobs.domain.errors import AijobsError, AnswerLost, ProviderFailed, ProviderUnavailable
from aijobs.domain.llm import AnswerSchema, ChatMessage, Completion, ModelTerms, OnText

MAX_REFERENCE: Final = 512
REFERENCE_HEADER: Final = "X-Client-Request-Id"
"""OpenAI keeps it with its own log, for support; others ignore it."""


#: Statuses with which a server answers that does not know the path.
WRONG_PLACE: Final = frozenset({301, 302, 307, 308, 404, 405})

MAX_STEPS: Final = 6
"""How often a question is sent again without what the endpoint has refused; a refusal is not charged."""


@asynccontextmanager
async def opened(settings: ChatSettings, *, memory: Path | None = None) -> AsyncIterator["ChatEndpoint"]:
    """`memory`: a file that keeps which fields the endpoint refuses. Raises ValueError without a token."""
    timeouts = Timeouts(silence=settings.silence, whole=settings.whole)
    async with opened_http("The chat endpoint", timeouts=timeouts) as http:
        yield ChatEndpoint(settings, http, DialectMemory(memory))


class _FieldRefused(Exception):
    def __init__(self, dialect: Dialect) -> None:
        super().__init__("The endpoint refuses a field.")
        self.dialect = dialect


class ChatEndpoint:
    """One model at one endpoint. Implements ChatModel."""

    def __init__(self, settings: ChatSettings, http: HttpClient, memory: DialectMemory) -> None:
        if not settings.token:
            raise ValueError("A chat endpoint needs a token.")
        self._key = settings.token.get_secret_value().strip()
        self._url = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._settings = settings
        self._http = http
        self._memory = memory
        self._dialect = memory.recall(settings) or Dialect.of(settings)

    @property
    def model(self) -> str:
        return self._settings.model

    @property
    def terms(self) -> ModelTerms:
        return self._settings.terms

    @property
    def takes_files(self) -> bool:
        return self._settings.send_files

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        shape: AnswerSchema | None = None,
        on_text: OnText | None = None,
        reference: str | None = None,
    ) -> Completion:
        started = time.monotonic()
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "text/event-stream, application/json"}
        if reference is not None:
            headers[REFERENCE_HEADER] = reference[:MAX_REFERENCE]
        completion = await self._accepted(messages, shape, headers, on_text)
        return Completion(
            text=completion.refusal or completion.text,
            finish=completion.finish,
            model=completion.model or self._settings.model,
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
            cost=self._settings.terms.cost(completion.tokens_in, completion.tokens_out),
            seconds=round(time.monotonic() - started, 3),
        )

    async def _accepted(
        self,
        messages: Sequence[ChatMessage],
        shape: AnswerSchema | None,
        headers: Mapping[str, str],
        on_text: OnText | None,
    ) -> PartialCompletion:
        """Ask in the endpoint's dialect. What it refuses is left out at once, and remembered when that has helped."""
        dialect, tried = self._dialect, {self._dialect}
        for _ in range(MAX_STEPS):
            body = request_body(self._settings, dialect, messages, shape)
            asking = _Asking(body, dialect, frozenset(tried), self._key)
            try:
                async with self._http.stream_once("POST", self._url, headers=headers, body=body) as reply:
                    completion = await asking.completed(reply, on_text)
            except _FieldRefused as refused:
                dialect = refused.dialect
                tried.add(dialect)
                continue
            if dialect != self._dialect:
                self._dialect = dialect
                await asyncio.to_thread(self._memory.keep, self._settings, dialect)
            return completion
        raise ProviderFailed("The chat endpoint refuses every way of asking that is known here.")


@dataclass(frozen=True)
class _Asking:
    """One request, and what its answer means. `tried`: the dialects that were refused, and this one."""

    body: Mapping[str, Any]
    dialect: Dialect
    tried: frozenset[Dialect]
    key: str

    async def completed(self, reply: StreamedReply | NotSent | NoReply, on_text: OnText | None) -> PartialCompletion:
        match reply:
            case NotSent(reason):
                raise ProviderUnavailable(f"The chat endpoint cannot be reached: {reason}")
            case NoReply(reason):
                raise AnswerLost(f"No answer came from the chat endpoint: {reason}")
            case StreamedReply():
                try:
                    return await self._read(reply, on_text)
                except (StreamBroken, ValueError) as broken:
                    raise AnswerLost(f"The model's answer broke off: {broken}") from None

    async def _read(self, reply: StreamedReply, on_text: OnText | None) -> PartialCompletion:
        if not 200 <= reply.status < 300:
            await self._refuse_status(await reply.whole())
        try:
            return await read_answer(reply.chunks, on_text)
        except EndpointProblem as told:
            text = told.frame.text
            if told.frame.document is None and is_page(text):
                raise ProviderFailed(WEB_PAGE) from None
            problem = problem_in(told.frame.document or text)
            if not told.after_text:
                self._raise_if_field(problem)
            raise self._named(problem, in_answer=True, after_text=told.after_text) from None

    async def _refuse_status(self, reply: HttpReply) -> NoReturn:
        text = reply.body.decode("utf-8", "replace")
        problem = problem_in(text, status=reply.status)
        self._raise_if_field(problem)
        if 300 <= reply.status < 500 and (is_page(text) or (reply.status in WRONG_PLACE and not problem.codes)):
            raise ProviderFailed(f"The chat endpoint answered {reply.status}. {WRONG_BASE_URL}")
        raise self._named(problem, in_answer=False, headers=reply.headers)

    def _raise_if_field(self, problem: ChatProblem) -> None:
        next_dialect = stepped_down(self.dialect, self.body, problem)
        if next_dialect is not None and next_dialect not in self.tried:
            raise _FieldRefused(next_dialect)

    def _named(self, problem: ChatProblem, **circumstances: Any) -> AijobsError:
        error = error_for(problem, key=self.key, **circumstances)
        setting = setting_for(self.body, problem) if type(error) is ProviderFailed else None
        return ProviderFailed(f"{error} ({setting} decides it.)") if setting else error
