"""A network of hosts: a namespace each, joined by a bridge in a namespace of its own. Needs root."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

TIMEOUT: Final = 10.0
PREFIX: Final = "aijobs"
BRIDGE: Final = "br0"
OBSERVER: Final = 1
"""The last byte of the address of this process, which is outside of all hosts."""


@dataclass(frozen=True)
class Host:
    """A namespace with one address."""

    name: str
    namespace: str
    address: str
    switch: str  #: the namespace with the bridge
    port: str  #: of the bridge, to which its cable leads

    def on(self, command: Sequence[str]) -> Sequence[str]:
        """The command as it is run on this host."""
        return (shutil.which("ip") or "ip", "netns", "exec", self.namespace, *command)

    def cut_off(self) -> None:
        """Pull the cable: nothing is refused or closed, packets are only lost."""
        _ip("-n", self.switch, "link", "set", self.port, "down")

    def bring_back(self) -> None:
        _ip("-n", self.switch, "link", "set", self.port, "up")


@dataclass(frozen=True)
class Network:
    """The hosts by name. `address` is ours, `clients` the whole network."""

    hosts: dict[str, Host]
    address: str
    clients: str


def why_not() -> str | None:
    """Why no such network can be made here; None when it can."""
    name = f"{PREFIX}-{os.getpid()}-try"
    try:
        _ip("netns", "add", name)
    except FileNotFoundError:
        return "the program `ip` is not installed"
    except subprocess.CalledProcessError as refused:
        return f"network namespaces are not allowed: {refused.stderr.strip()}"
    try:
        _ip("-n", name, "link", "add", BRIDGE, "type", "bridge")
    except subprocess.CalledProcessError as refused:
        return f"bridges are not allowed: {refused.stderr.strip()}"
    finally:
        _ip("netns", "del", name)
    return None


@contextmanager
def network_of(names: Sequence[str]) -> Iterator[Network]:
    """A network until the block ends. Its addresses are a private network that depends on this process's id."""
    key = os.getpid()
    subnet = f"10.{64 + key // 256 % 128}.{key % 256}"
    switch = f"{PREFIX}-{key}-switch"
    with ExitStack() as made:
        _namespace(made, switch)
        _ip("-n", switch, "link", "add", BRIDGE, "type", "bridge")
        _ip("-n", switch, "link", "set", BRIDGE, "up")
        _plug_in_observer(made, switch, f"{subnet}.{OBSERVER}", key)
        hosts = {
            name: _host(made, name, switch, f"{subnet}.{number}", f"{PREFIX}-{key}-{name}", number)
            for number, name in enumerate(names, OBSERVER + 1)
        }
        yield Network(hosts, f"{subnet}.{OBSERVER}", f"{subnet}.0/24")


def _namespace(made: ExitStack, name: str) -> None:
    _ip("netns", "add", name)
    made.callback(_ip, "netns", "del", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _host(made: ExitStack, name: str, switch: str, address: str, namespace: str, number: int) -> Host:
    _namespace(made, namespace)
    port = f"port{number}"
    _ip("link", "add", port, "netns", switch, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "eth0", "up")
    _ip("-n", switch, "link", "set", port, "master", BRIDGE, "up")
    return Host(name, namespace, address, switch, port)


def _plug_in_observer(made: ExitStack, switch: str, address: str, key: int) -> None:
    ours = f"ai{key}"[:15]
    _ip("link", "add", "observer", "netns", switch, "type", "veth", "peer", "name", ours)
    made.callback(_ip, "link", "del", ours)
    _ip("-n", switch, "link", "set", "observer", "master", BRIDGE, "up")
    _ip("addr", "add", f"{address}/24", "dev", ours)
    _ip("link", "set", ours, "up")


def _ip(*arguments: str) -> None:
    """Raises CalledProcessError, with the reason in `stderr`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=TIMEOUT)  # noqa: S603, S607
