"""A chat completions endpoint as a `ChatModel`: one request, one streamed answer."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aijobs.adapters.chat.errors import error_for
from aijobs.adapters.chat.request import request_body
from aijobs.adapters.chat.response import PartialCompletion, read_document, read_stream
from aijobs.adapters.chat.settings import ChatSettings
from aijobs.adapters.network.http_client import (
    HttpClient,
    NoReply,
    NotSent,
    StreamBroken,
    StreamedReply,
    Timeouts,
    opened_http,
)
from aijobs.domain.errors import AnswerLost, ProviderUnavailable
from aijobs.domain.llm import AnswerSchema, ChatMessage, Completion, OnText

MAX_REFERENCE: Final = 512
REFERENCE_HEADER: Final = "X-Client-Request-Id"
"""OpenAI keeps it with its own log, for support; others ignore it."""


@asynccontextmanager
async def opened(settings: ChatSettings) -> AsyncIterator["ChatEndpoint"]:
    """Raises ValueError without a token."""
    timeouts = Timeouts(silence=settings.silence, whole=settings.whole)
    async with opened_http("The chat endpoint", timeouts=timeouts) as http:
        yield ChatEndpoint(settings, http)


class ChatEndpoint:
    """One model at one endpoint. Implements ChatModel."""

    def __init__(self, settings: ChatSettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("A chat endpoint needs a token.")
        self._key = settings.token.get_secret_value().strip()
        self._url = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._settings = settings
        self._http = http

    @property
    def model(self) -> str:
        return self._settings.model

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
        body = request_body(self._settings, messages, shape)
        async with self._http.stream_once("POST", self._url, headers=headers, body=body) as reply:
            completion = await self._completed(reply, on_text)
        return Completion(
            text=completion.refusal or completion.text,
            finish=completion.finish,
            model=completion.model or self._settings.model,
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
            cost=self._settings.cost(completion.tokens_in, completion.tokens_out),
            seconds=round(time.monotonic() - started, 3),
        )

    async def _completed(self, reply: StreamedReply | NotSent | NoReply, on_text: OnText | None) -> PartialCompletion:
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
            raise error_for(await reply.whole(), key=self._key)
        if reply.headers.get("content-type", "").startswith("application/json"):
            return await read_document((await reply.whole()).body, on_text)
        return await read_stream(reply.chunks, on_text)
