"""A web server with files of any size, as fast as the socket: `GET /<bytes>`."""

import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Final

HOST: Final = "127.0.0.1"

#: Random, so that it does not compress, and starts with a byte of no known format.
BLOCK: Final = b"\x00" + os.urandom(1024 * 1024 - 1)


class _Files(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = int(self.path.lstrip("/"))
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for _ in range(size // len(BLOCK)):
            self.wfile.write(BLOCK)
        self.wfile.write(BLOCK[: size % len(BLOCK)])

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _FileServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def served_files() -> Iterator[str]:
    """The address, `host:port`."""
    with _FileServer((HOST, 0), _Files) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"{HOST}:{server.server_address[1]}"
        server.shutdown()
        thread.join()
