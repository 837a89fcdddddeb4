"""Which addresses the fetcher may connect to: the public internet, and what the operator allows besides.

The ranges are those of IANA's special-purpose registries that are not globally reachable
(https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry),
multicast and reserved space, and the one metadata service with an address of its own outside of them. The standard
library's `is_global` changed between patch releases of the Pythons we run on; a list that is written down does not.

An IPv6 address that stands for an IPv4 address (mapped, NAT64, ISATAP) is as good as what it stands for; the retired
ways of doing so (6to4, Teredo, IPv4-compatible) are refused altogether.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED_V4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's metadata",  # Azure's, the one that is a public address
    "169.254.0.0/16": "link-local",  # and most clouds' metadata, 169.254.169.254
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "for protocols",  # and Oracle's metadata, 192.0.0.192
    "192.0.2.0/24": "for documentation",
    "192.31.196.0/24": "for protocols",
    "192.52.193.0/24": "for protocols",
    "192.88.99.0/24": "for protocols",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "for protocols",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_REFUSED_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b:1::/48": "private",  # NAT64 of somebody's own, with the IPv4 address anywhere in it
    "100::/64": "discarded",
    "2001::/23": "for protocols",  # and Teredo, which stands for any IPv4 address
    "2001:db8::/32": "for documentation",
    "2002::/16": "6to4",  # retired (RFC 7526); stands for any IPv4 address
    "2620:4f:8000::/48": "for protocols",
    "3fff::/20": "for documentation",
    "5f00::/16": "for protocols",
    "fc00::/7": "private",  # and Amazon's metadata, fd00:ec2::254
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_REFUSED = {ip_network(text): what for text, what in (_REFUSED_V4 | _REFUSED_V6).items()}
# All public IPv6 addresses lie here; those that stand for IPv4 addresses lie elsewhere, in the first two below.
_GLOBAL_V6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
# The upper half of an interface identifier that has an IPv4 address as its lower half (RFC 5214).
_ISATAP = {0x00005EFE, 0x02005EFE}


def refusal(address: Address) -> str | None:
    """Why the fetcher may not connect to `address`, in a word or two; None when it is a public one."""
    for network, what in _REFUSED.items():
        if address.version == network.version and address in network:
            return what
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    if address in _MAPPED or address in _NAT64:
        return refusal(last)
    if address not in _GLOBAL_V6:
        return "reserved"
    return refusal(last) if (number >> 32) & 0xFFFFFFFF in _ISATAP else None


class Allowed:
    """What the operator allows besides the public internet (EFIR_FETCH_ALLOW)."""

    def __init__(self, entries: Iterable[str]) -> None:
        """`entries`: networks (`10.1.0.0/16`), addresses, and host names, which allow whatever they resolve to.

        Raises ValueError for what is none of these.
        """
        self._networks: list[Network] = []
        self._hosts: set[str] = set()
        for entry in (entry.strip().lower() for entry in entries):
            if not entry:
                continue
            try:
                self._networks.append(ip_network(entry))
            except ValueError:
                if "/" in entry or ":" in entry or entry.replace(".", "").isdigit():
                    raise ValueError(f"{entry!r} is neither a network such as 10.1.0.0/16 nor a host name") from None
                self._hosts.add(entry.rstrip("."))

    def refusal(self, host: str, address: str) -> str | None:
        """Why a connection to `host` at `address` may not be made; None when it may."""
        try:
            found = ip_address(address)
        except ValueError:
            return "not an address"
        if host.lower().rstrip(".") in self._hosts:
            return None
        plain = found.ipv4_mapped if isinstance(found, IPv6Address) and found.ipv4_mapped else found
        allowed = any(plain.version == network.version and plain in network for network in self._networks)
        return None if allowed else refusal(found)
