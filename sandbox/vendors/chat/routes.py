"""`POST /openai/v1/chat/completions`, streamed and not; `GET /openai/v1/models`."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sandbox.call import VendorCall
from sandbox.clock import NANOSECONDS, now_ns, stamp
from sandbox.context import SandboxContext, context_of, vendor_call
from sandbox.faults.broken_responses import Drop
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.persistence.ledger import Charge, LedgerRow, sha256_of
from sandbox.vendors.chat.errors import error_response, invalid, no_quota, wrong_key
from sandbox.vendors.chat.framings import REFUSALS, is_refused
from sandbox.vendors.chat.request import read_chat_request
from sandbox.vendors.chat.response import ChatReply, ConnectionCut, framed, frames, reply_to

VENDOR: Final = "chat"
REFERENCE_HEADER: Final = "x-client-request-id"

router = APIRouter(prefix="/openai/v1")
ChatCall = Annotated[VendorCall, Depends(vendor_call(Operation.CHAT, error_response))]
ContextDep = Annotated[SandboxContext, Depends(context_of)]


def check_key(request: Request) -> None:
    """Raises Refusal (401)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    accepted = context_of(request).config.tokens
    if scheme != "Bearer" or not key.strip() or (accepted and key.strip() not in accepted):
        raise wrong_key(key.strip())


@router.get("/models", dependencies=[Depends(check_key)])
async def models() -> dict[str, object]:
    """One model; it accepts every name."""
    return {"object": "list", "data": [{"id": "sandbox", "object": "model", "created": 0, "owned_by": "aijobs"}]}


@router.post("/chat/completions", dependencies=[Depends(check_key)])
async def complete(request: Request, call: ChatCall, context: ContextDep) -> Response:
    """One answer. It is charged in the ledger before it is sent, even when the client never receives it."""
    chat_request = await read_chat_request(request)
    if Fault.NO_QUOTA in call.faults:
        raise no_quota()
    field = call.faults.text(Fault.REFUSES_FIELD)
    if Fault.REFUSES_FIELD in call.faults and is_refused(field, await request.json()):
        raise invalid(field, REFUSALS[field])
    now = now_ns()
    reply = reply_to(chat_request, call.faults, answer_id=f"chatcmpl-{new_id()}", created=now // NANOSECONDS)
    context.ledger.add(
        LedgerRow(
            id=reply.id,
            vendor=VENDOR,
            model=chat_request.model,
            created_at=stamp(now),
            correlation=request.headers.get(REFERENCE_HEADER),
            input_sha256=sha256_of({"said": chat_request.text}),
            charge=Charge.CHARGED,
        )
    )
    seconds = context.pace.work_seconds
    if Fault.ANSWER_SECONDS in call.faults:
        seconds = call.faults.seconds(Fault.ANSWER_SECONDS)
    if chat_request.stream:
        events = frames(
            reply,
            call.faults,
            with_usage=chat_request.stream_options.include_usage,
            seconds=seconds,
            closing=context.closing,
        )
        media_type = framed(reply, call.faults, with_usage=False).media_type
        return await call.send(BreakableStream(_settle_at_end(events, context, reply), media_type=media_type))
    await context.closing.sleep(seconds)
    context.ledger.settle(reply.id, outcome=reply.finish, charge=Charge.CHARGED)
    return await call.answer(reply.document())


async def _settle_at_end(
    events: AsyncIterator[bytes], context: SandboxContext, reply: ChatReply
) -> AsyncIterator[bytes]:
    """The events; the ledger row is settled after the last one."""
    async for event in events:
        yield event
    context.ledger.settle(reply.id, outcome=reply.finish, charge=Charge.CHARGED)


class BreakableStream(StreamingResponse):
    """A stream that closes the connection when its body raises ConnectionCut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except* ConnectionCut:
            await Drop()(scope, receive, send)
