"""Types of settings: lists of origins, of our host names, and of networks."""

import re
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from aijobs.adapters.network.host_patterns import listed


def _are_origins(written: tuple[str, ...]) -> tuple[str, ...]:
    for origin in written:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin!r} is no origin, as https://app.example.com is; there is no wildcard")
    return written


#: A setting: origins as browsers write them.
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_are_origins)]


def _are_hosts(written: tuple[str, ...]) -> tuple[str, ...]:
    for host in written:
        if not re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9._-]+|[0-9A-Fa-f:]+", host):
            raise ValueError(f"{host!r} is no host, as jobs.example.com and *.example.com are; leave out the port")
    return written


def _are_networks(written: tuple[str, ...]) -> tuple[str, ...]:
    for network in written:
        ip_network(network)
    return written


#: A setting: host names of the API.
HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_are_hosts)]

#: A setting: addresses and networks, for example `10.0.0.0/8`.
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_are_networks)]
