"""The official `fal-client` works against the sandbox, unchanged. It speaks TLS alone, so a proxy takes that off."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import trustme

from sandbox.server import RunningSandbox
from tests.sandbox.caller import size_of

PROGRAM = """
import json, sys
import fal_client

handle = fal_client.submit("fal-ai/flux/schnell", {"prompt": "a lighthouse", "num_images": 2, "image_size": "square"})
events = [type(event).__name__ for event in handle.iter_events(with_logs=True, interval=0.02)]
try:
    fal_client.subscribe("fal-ai/flux/schnell", {"num_images": 99})
    refused = None
except fal_client.FalClientHTTPError as error:
    refused = error.status_code
waiting = fal_client.submit("fal-ai/flux/schnell", {"prompt": "x"}, headers={"X-Sandbox-Fault": "never_starts"})
position = waiting.status().position
waiting.cancel()
print(json.dumps({"events": events, "result": handle.get(), "refused": refused, "position": position}))
"""


@asynccontextmanager
async def tls_in_front(port: int, folder: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of a client for a TLS server that passes everything on to this port."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours_reader, ours_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, ours_writer), copy(ours_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as listening:
        host = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield {"FAL_QUEUE_RUN_HOST": f"{host}/fal/queue", "SSL_CERT_FILE": str(folder / "ca.pem")}


async def test_submit_watch_and_download(sandbox: RunningSandbox, http: httpx.AsyncClient, tmp_path: Path) -> None:
    async with tls_in_front(sandbox.config.port, tmp_path) as environment:
        ours = {**os.environ, **environment, "FAL_KEY": "id:secret"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=ours,
        )
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    told: dict[str, Any] = json.loads(out)

    assert told["events"][-1] == "Completed"
    assert [size_of((await http.get(image["url"])).content) for image in told["result"]["images"]] == [(512, 512)] * 2
    assert (told["refused"], told["position"]) == (422, 0)
