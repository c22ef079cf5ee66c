"""Free ports for the servers of an embedded installation."""

import random
import socket
from itertools import islice
from typing import Final

from cli.errors import CommandError

HOST: Final = "127.0.0.1"

#: Below the range from which systems take ports for outgoing connections, so that those cannot take one first.
CHOICE: Final = range(15_000, 32_000)
ATTEMPTS: Final = 200


def free_port() -> int:
    """A port on which nothing listens now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """This many different free ports. Raises CommandError when there are not enough."""
    found = list(islice(filter(is_free, random.sample(CHOICE, ATTEMPTS)), count))
    if len(found) < count:
        raise CommandError(f"Of {ATTEMPTS} ports tried on {HOST}, {len(found)} are free.")
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def require_free(port: int, option: str) -> None:
    """Raises CommandError that names the option which changes the port."""
    if not is_free(port):
        raise CommandError(f"Port {port} is already in use.", hint=f"{option} chooses another.")
