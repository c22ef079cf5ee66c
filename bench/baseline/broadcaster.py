"""Baseline for the event stream: Starlette and a queue per reader. Events go to every reader and are not stored."""

import asyncio
import json
import resource
import sys
from collections.abc import AsyncIterator
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

#: Makes frames about as large as ours.
PADDING: Final = "x" * 180

readers: set[asyncio.Queue[bytes]] = set()


async def events(_request: Request) -> StreamingResponse:
    async def frames() -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        readers.add(queue)
        try:
            yield b"retry: 1000\n\n"
            while True:
                yield await queue.get()
        finally:
            readers.discard(queue)

    return StreamingResponse(frames(), media_type="text/event-stream")


async def publish(request: Request) -> Response:
    """The body is a list of timestamps; each becomes an event."""
    for number, sent in enumerate(await request.json()):
        data = json.dumps({"seq": number, "padding": PADDING, "detail": {"sent": sent}}, separators=(",", ":"))
        frame = f"id: {number}\nevent: note\ndata: {data}\n\n".encode()
        for reader in readers:
            reader.put_nowait(frame)
    return Response(status_code=204)


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    app = Starlette(routes=[Route("/events", events), Route("/publish", publish, methods=["POST"])])
    uvicorn.run(app, port=int(sys.argv[1]), loop="asyncio", log_level="warning", timeout_graceful_shutdown=10)


if __name__ == "__main__":
    main()
