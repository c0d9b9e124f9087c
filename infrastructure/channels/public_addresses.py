"""Which addresses of the internet Frontdesk connects to when a provider names the host.

A name may lead anywhere: to this machine, its network, or the service that knows its
credentials. Source: the special-purpose address registries of IANA, RFC 6890.
"""

import socket
from ipaddress import IPv4Address, ip_address, ip_network

_UNICAST = ip_network("2000::/3")
"""All that is assigned of IPv6: mapped, translated and private addresses lie outside."""

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # for protocols of the IETF
            "192.88.99.0/24",  # relays of 6to4
            "2001::/23",  # for protocols of the IETF: Teredo wraps an IPv4 address
            "2002::/16",  # 6to4 does too
            "3fff::/20",  # for documentation
        ),
    )
)
"""What some versions of Python call global."""


def is_public(address: str) -> bool:
    """Whether ``address`` is that of one machine which all of the internet can reach."""
    ip = ip_address(address)
    if not ip.is_global or ip.is_multicast or any(ip in network for network in _NOT_PUBLIC):
        return False
    return isinstance(ip, IPv4Address) or ip in _UNICAST


def system_addresses(host: str) -> list[str]:
    """The addresses of ``host``, as this system finds them. Raises ``OSError``."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
