"""Which addresses a customer's URL may lead to, as pure functions. Knows no resolver and no socket.

Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and what updates it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches loopback on Linux
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; also the metadata service of Alibaba Cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform services: a public number that every Azure machine reaches inside
        "169.254.0.0/16",  # link-local; the metadata service of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocol assignments; Oracle Cloud's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# Only global unicast space can be public at all: loopback, mapped and compatible IPv4, unique local, link-local,
# site-local, multicast and 64:ff9b:1::/48 (NAT64 inside one network) all lie outside of it.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address, and nobody needs it any more (RFC 7526)
        "3ffe::/16",  # 6bone, returned
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP_MASK, _ISATAP = 0xFDFF_FFFF, 0x0000_5EFE

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


def is_public(address: Address) -> bool:
    """Whether the address can belong to a stranger on the internet. What could also lead inwards is not public."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _REFUSED_V4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if (int(address) >> 32) & _ISATAP_MASK == _ISATAP:  # an IPv4 tunnel in the interface identifier (RFC 5214 §6.1)
        return False
    return address in _GLOBAL_UNICAST and not any(address in block for block in _REFUSED_V6)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator lets customers reach although it is private: names as URLs spell them, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """The setting ALLOWED_PRIVATE_HOSTS: host names, addresses and CIDR ranges, commas between.

        Raises:
            ValueError: an entry is none of these; the message names it.
        """
        names, networks = set(), []
        for entry in filter(None, (part.strip() for part in text.split(","))):
            network = _network(entry)
            if network is not None:
                networks.append(network)
                continue
            name = entry.lower().removesuffix(".")
            if not is_name(name) or "/" in entry or name.rpartition(".")[2].isdigit():
                raise ValueError(f"“{entry}” is neither a host name, an address nor a CIDR range")
            names.add(name)
        return cls(frozenset(names), tuple(networks))

    def lists(self, host: str, address: Address) -> bool:
        """Whether the operator named this host (as URLs spell it, lower case) or this address."""
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False
        return host in self.names or any(address in network for network in self.networks)

    def permits(self, host: str, address: Address) -> bool:
        """Whether a customer's URL with this host may lead to this address."""
        return self.lists(host, address) or is_public(address)


def is_name(host: str) -> bool:
    """Whether the text can be a host name in lower case (or an IPv4 address in any of its spellings)."""
    return len(host) <= 253 and _NAME.fullmatch(host) is not None


def _network(entry: str) -> Network | None:
    bare = entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry
    try:
        return ip_network(bare)
    except ValueError:
        pass
    if "/" in bare:
        try:
            ip_address(bare.partition("/")[0])
        except ValueError:
            return None
        raise ValueError(f"“{entry}” is not a CIDR range (bits outside of the prefix must be 0)")
    return None
