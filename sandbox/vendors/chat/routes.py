"""`POST /openai/v1/chat/completions`, streamed and not; `GET /openai/v1/models`."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sandbox.call import VendorCall
from sandbox.clock import NANOSECONDS, now_ns, stamp
from sandbox.context import SandboxContext, calling, context_of
from sandbox.faults.broken_responses import Drop
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids import new_id
from sandbox.persistence.ledger import Charge, LedgerRow, hash_of
from sandbox.vendors.chat.errors import complain, no_quota, wrong_key
from sandbox.vendors.chat.request import read_chat_request
from sandbox.vendors.chat.response import BrokenOff, ChatReply, frames, reply_to

VENDOR: Final = "chat"
REFERENCE: Final = "x-client-request-id"

router = APIRouter(prefix="/openai/v1")
Asking = Annotated[VendorCall, Depends(calling(Operation.CHAT, complain))]
InWorld = Annotated[SandboxContext, Depends(context_of)]


def check_key(request: Request) -> None:
    """Raises Refusal (401)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    accepted = context_of(request).config.tokens
    if scheme != "Bearer" or not key.strip() or (accepted and key.strip() not in accepted):
        raise wrong_key(key.strip())


@router.get("/models", dependencies=[Depends(check_key)])
async def models() -> dict[str, object]:
    """One, which answers under every name."""
    return {"object": "list", "data": [{"id": "sandbox", "object": "model", "created": 0, "owned_by": "aijobs"}]}


@router.post("/chat/completions", dependencies=[Depends(check_key)])
async def complete(request: Request, call: Asking, world: InWorld) -> Response:
    """One answer. It is in the ledger as soon as it is begun: from then on it is paid for, whatever arrives."""
    asked = await read_chat_request(request)
    if Fault.NO_QUOTA in call.faults:
        raise no_quota()
    moment = now_ns()
    reply = reply_to(asked, call.faults, answer_id=f"chatcmpl-{new_id()}", created=moment // NANOSECONDS)
    world.ledger.enter(
        LedgerRow(
            id=reply.id,
            vendor=VENDOR,
            model=asked.model,
            created_at=stamp(moment),
            correlation=request.headers.get(REFERENCE),
            input_sha256=hash_of({"said": asked.said}),
            charge=Charge.CHARGED,
        )
    )
    seconds = world.pace.work_seconds
    if Fault.ANSWER_SECONDS in call.faults:
        seconds = call.faults.seconds(Fault.ANSWER_SECONDS)
    if asked.stream:
        events = frames(
            reply,
            call.faults,
            with_usage=asked.stream_options.include_usage,
            seconds=seconds,
            closing=world.closing,
        )
        return await call.send(Breakable(_settling(events, world, reply), media_type="text/event-stream"))
    await world.closing.sleep(seconds)
    world.ledger.settle(reply.id, outcome=reply.finish, charge=Charge.CHARGED)
    return await call.answer(reply.document())


async def _settling(events: AsyncIterator[bytes], world: SandboxContext, reply: ChatReply) -> AsyncIterator[bytes]:
    """The events; the ledger notes when the last one has gone out."""
    async for event in events:
        yield event
    world.ledger.settle(reply.id, outcome=reply.finish, charge=Charge.CHARGED)


class Breakable(StreamingResponse):
    """A stream whose connection closes where a fault says so."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except* BrokenOff:
            await Drop()(scope, receive, send)
