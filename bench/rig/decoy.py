"""A server that does next to nothing, for attackers of somebody else: `python -m bench.rig.decoy PORT`.

It reads whatever is sent, and answers each complete request with 401. With the same attack on it, users of the API see
what the attackers' own use of the machine costs them.
"""

import asyncio
import sys
from typing import Final

from bench.rig.attackers import allow_many_connections, yield_to_everybody
from cli.embedded.ports import HOST

END_OF_HEADER: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
ANSWER: Final = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
BACKLOG: Final = 4096


class Decoy(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._header = b""
        self._missing = 0  #: bytes of a body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        while data:
            if self._missing:
                self._missing, data = max(self._missing - len(data), 0), data[self._missing :]
            else:
                header, found, data = (self._header + data).partition(END_OF_HEADER)
                self._header = b"" if found else header
                if not found:
                    return
                self._missing = _length(header)
            if not self._missing:
                self._transport.write(ANSWER)


def _length(header: bytes) -> int:
    _, found, rest = header.lower().partition(LENGTH)
    return int(rest.split(b"\r\n")[0]) if found else 0


async def serve(port: int) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Decoy, HOST, port, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    yield_to_everybody()
    allow_many_connections()
    asyncio.run(serve(int(sys.argv[1])))
