"""Which IP addresses links may lead to: public ones only.

`ipaddress.is_global` is not enough: it treats 192.0.0.192, 224.0.0.1, 2002:7f00:1::, 64:ff9b::7f00:1 and others as
public. So the list is ours, after the special-purpose registries of IANA (RFC 6890 and its updates). For IPv6 only
global unicast, 2000::/3, can be public. That leaves out every form in which an IPv6 address carries an IPv4 one,
such as ::ffff:127.0.0.1 and 64:ff9b::/96.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

DENIED_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the local host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and 100.100.100.200, the metadata service of Alibaba Cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # looks public, but is Azure's host agent
        "169.254.0.0/16",  # link-local, and 169.254.169.254, the metadata service of nearly all clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocols, and 192.0.0.192, the metadata service of Oracle Cloud
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

GLOBAL_UNICAST_V6: Final = IPv6Network("2000::/3")

DENIED_V6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocols, among them Teredo, which carries IPv4 addresses
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries IPv4 addresses
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether a numeric address is public. Invalid addresses, and those with a zone, are not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in DENIED_V4)
    return _is_public_v6(parsed)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in GLOBAL_UNICAST_V6:
        return False
    return not any(address in network for network in DENIED_V6)
