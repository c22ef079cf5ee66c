"""The simulated model's answer, whole or streamed, and the faults that change it."""

import json
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sandbox.clock import ClosingEvent
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.vendors.chat.answer_styles import STYLES
from sandbox.vendors.chat.extraction import document_in, facts_in, rows_for
from sandbox.vendors.chat.framings import ERRORS, FRAMINGS, Framed
from sandbox.vendors.chat.request import ChatRequest, schema_in
from sandbox.vendors.chat.vision import picture_in, review_of

PIECES: Final = 20
CHARACTERS_PER_TOKEN: Final = 3
MAX_FACTS: Final = 40
DONE: Final = b"data: [DONE]\n\n"
REFUSAL_TEXT: Final = "I'm sorry, but I can't assist with that request."


@dataclass(frozen=True, kw_only=True)
class ChatReply:
    """An answer, before it is serialised."""

    id: str
    created: int
    model: str
    text: str
    refusal: str | None
    finish: str
    tokens_in: int

    @property
    def usage(self) -> dict[str, int]:
        out = _tokens(self.text or self.refusal or "")
        return {"prompt_tokens": self.tokens_in, "completion_tokens": out, "total_tokens": self.tokens_in + out}

    def document(self) -> dict[str, Any]:
        """The answer as one document, when no stream was requested."""
        message = {"role": "assistant", "content": self.text or None, "refusal": self.refusal}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.usage}

    def chunks(self, *, with_usage: bool) -> list[dict[str, Any]]:
        """The answer in chunks. The chunk after the last text has the finish reason; usage has one of its own."""
        deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
        key = "refusal" if self.refusal else "content"
        deltas += [({key: piece}, None) for piece in _pieces(self.refusal or self.text)]
        deltas.append(({}, self.finish))
        unused = {"usage": None} if with_usage else {}
        chunks = [
            {**self._head("chat.completion.chunk"), **unused, "choices": [_choice(delta, finish)]}
            for delta, finish in deltas
        ]
        if with_usage:
            chunks.append({**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage})
        return chunks

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def reply_to(request: ChatRequest, faults: Faults, *, answer_id: str, created: int) -> ChatReply:
    """Deterministic: the same request gets the same answer."""
    text, finish = answer_to(request, faults), "stop"
    refusal = REFUSAL_TEXT if Fault.ANSWER_REFUSED in faults else None
    if Fault.FINISH_WORD in faults:
        finish = faults.text(Fault.FINISH_WORD)
    if Fault.ANSWER_FILTERED in faults:
        text, finish = "", "content_filter"
    limit = request.max_completion_tokens or request.max_tokens
    if Fault.ANSWER_CUT in faults or (limit is not None and _tokens(text) > limit):
        text, finish = text[: min(len(text) // 2, (limit or len(text)) * CHARACTERS_PER_TOKEN)], "length"
    return ChatReply(
        id=answer_id,
        created=created,
        model=request.model,
        text="" if refusal else text,
        refusal=refusal,
        finish=finish,
        tokens_in=_tokens(request.text),
    )


def answer_to(request: ChatRequest, faults: Faults) -> str:
    schema = schema_in(request)
    answer = None if schema is None else _structured_answer(request, schema)
    if answer is None:
        return _list_of_facts(request.text)
    if Fault.ANSWER_PROSE in faults:
        return "Here is the table that you asked for. It has several rows."
    if Fault.ANSWER_WRITTEN_AS in faults and answer.get("rows"):
        return STYLES[faults.text(Fault.ANSWER_WRITTEN_AS)](answer["rows"])
    text = json.dumps(answer, ensure_ascii=False, indent=1)
    if Fault.ANSWER_MALFORMED in faults:
        key = next(iter(answer))
        return text.replace(f'"{key}"', f"'{key}'").replace("\n]", ",\n]")
    if Fault.ANSWER_FENCED in faults:
        return f"Of course! Here it is:\n\n```json\n{text}\n```\n\nLet me know if you need anything else."
    return text


def _structured_answer(request: ChatRequest, schema: dict[str, Any]) -> dict[str, Any] | None:
    """A table for a schema with rows, a review for a request with a picture; else None."""
    if "rows" in schema.get("properties", {}):
        return {"rows": _from_quoted(rows_for(schema, document_in(request.text)), request.messages[-1].text)}
    picture = picture_in(request)
    return None if picture is None else review_of(picture, schema)


def _from_quoted(rows: list[dict[str, Any]], question: str) -> list[dict[str, Any]]:
    """The rows from those that the question quotes, each on a line as JSON: a long table is asked for in portions."""
    quoted = [row for line in question.splitlines() if (row := _json_in(line)) in rows]
    starts = [at for at in range(len(rows)) if rows[at : at + len(quoted)] == quoted]
    return rows[starts[0] :] if quoted and starts else rows


def _json_in(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _list_of_facts(text: str) -> str:
    """The answer of an intermediate stage: the facts found, as a list."""
    facts = facts_in(document_in(text))
    found = [f"- {key}: {value}" for key, value in list(facts.items())[:MAX_FACTS]]
    return "\n".join([f"I found {len(facts)} facts.", *found])


async def frames(
    reply: ChatReply, faults: Faults, *, with_usage: bool, seconds: float, closing: ClosingEvent
) -> AsyncIterator[bytes]:
    """The pieces of a stream, spread evenly over `seconds`. A fault may stall or break it after half of them."""
    pieces = framed(reply, faults, with_usage=with_usage).pieces
    for number, piece in enumerate(pieces):
        if number == len(pieces) // 2:
            if Fault.ANSWER_STALLS in faults:
                await closing.sleep(faults.seconds(Fault.ANSWER_STALLS))
            if Fault.ANSWER_BREAKS in faults:
                raise ConnectionCut
        yield piece
        if seconds:
            await closing.sleep(seconds / len(pieces))


def framed(reply: ChatReply, faults: Faults, *, with_usage: bool) -> Framed:
    """The body of a stream, in pieces: server-sent events with a chunk each, or as a fault has it."""
    chunks = reply.chunks(with_usage=with_usage)
    if Fault.ANSWER_ERROR in faults:
        return Framed([ERRORS[faults.text(Fault.ANSWER_ERROR)]])
    if Fault.ANSWER_FRAMED_AS in faults:
        return FRAMINGS[faults.text(Fault.ANSWER_FRAMED_AS)](chunks, reply.document())
    return Framed([b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in chunks] + [DONE])


class ConnectionCut(Exception):
    """Raised where a fault closes the connection."""


def _choice(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _pieces(text: str) -> Iterator[str]:
    step = max(1, math.ceil(len(text) / PIECES))
    return (text[start : start + step] for start in range(0, len(text), step))


def _tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)
