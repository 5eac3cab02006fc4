from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.outbound.addresses import Allowed, is_name, is_public

REFUSED = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "::/96", "::1/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:2::/48", "2001:10::/28",
    "2001:20::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
    "ff00::/8",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888",
    "64:ff9b::8.8.8.8",
]  # fmt: skip


def network(block: str) -> IPv4Network | IPv6Network:
    return IPv6Network(block) if ":" in block else IPv4Network(block)


@pytest.mark.parametrize("block", REFUSED)
def test_the_ends_of_a_special_block_are_not_public(block: str) -> None:
    addresses = network(block)

    assert not is_public(addresses[0])
    assert not is_public(addresses[-1])


@given(st.data())
def test_nothing_inside_a_special_block_is_public(data: st.DataObject) -> None:
    block = network(data.draw(st.sampled_from(REFUSED)))
    offset = data.draw(st.integers(0, block.num_addresses - 1))

    assert not is_public(block[offset])


@pytest.mark.parametrize("address", PUBLIC)
def test_the_neighbours_of_special_blocks_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses())
def test_what_python_calls_special_is_never_public(address: IPv4Address | IPv6Address) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    nat64 = address in IPv6Network("64:ff9b::/96")

    assert not (special and not nat64 and is_public(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_disguise_is_not_public(inner: IPv4Address) -> None:
    number = int(inner)
    disguises = [
        number,  # compatible
        0xFFFF << 32 | number,  # mapped
        0xFFFF << 48 | number,  # translated (RFC 2765)
        int(IPv6Address("2002::")) | number << 80,  # 6to4
        int(IPv6Address("2001::")) | number ^ 0xFFFF_FFFF,  # Teredo
        int(IPv6Address("64:ff9b:1::")) | number,  # NAT64 inside one network
        int(IPv6Address("2606:4700::5efe:0:0")) | number,  # ISATAP
        int(IPv6Address("2606:4700::200:5efe:0:0")) | number,
    ]

    assert not any(is_public(IPv6Address(disguise)) for disguise in disguises)


@given(st.ip_addresses(v=4))
def test_nat64_is_as_public_as_what_it_carries(inner: IPv4Address) -> None:
    outer = IPv6Address(int(IPv6Address("64:ff9b::")) | int(inner))

    assert is_public(outer) == is_public(inner)


def test_an_address_with_a_scope_is_neither_public_nor_listed() -> None:
    scoped = IPv6Address("2606:4700::1%eth0")

    assert not is_public(scoped)
    assert not Allowed.parse("::/0, media.test").permits("media.test", scoped)


def test_the_setting_takes_names_addresses_and_ranges() -> None:
    allowed = Allowed.parse(" Media.Internal., 10.1.2.3 ,192.168.0.0/16,[fd00::5],fd01::/64,, localhost")

    assert allowed.names == {"media.internal", "localhost"}
    assert [str(entry) for entry in allowed.networks] == [
        "10.1.2.3/32", "192.168.0.0/16", "fd00::5/128", "fd01::/64",
    ]  # fmt: skip


def test_an_empty_setting_allows_nothing_private() -> None:
    assert Allowed.parse("") == Allowed()
    assert not Allowed().permits("localhost", ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    "entry", ["http://a.b", "10.0.0.1/8", "a b", "10.0.0.0/33", "10.1", "*.internal", "a:80", "-a"]
)
def test_what_is_no_host_is_refused_by_name(entry: str) -> None:
    with pytest.raises(ValueError, match="“"):
        Allowed.parse(f"localhost,{entry}")


def test_a_listed_name_may_lead_anywhere_but_another_name_may_not() -> None:
    allowed = Allowed.parse("media.internal")

    assert allowed.permits("media.internal", ip_address("10.0.0.7"))
    assert not allowed.permits("evil.example", ip_address("10.0.0.7"))


def test_a_listed_range_may_be_reached_by_any_name() -> None:
    allowed = Allowed.parse("10.0.0.0/24")

    assert allowed.permits("anything.example", ip_address("10.0.0.7"))
    assert not allowed.permits("anything.example", ip_address("10.0.1.7"))


@pytest.mark.parametrize(
    ("host", "valid"),
    [
        ("a", True), ("a_b.example", True), ("xn--bcher-kva.example", True), ("0x7f.1", True), ("", False),
        ("a..b", False), ("a" * 64, False), ("a.".ljust(255, "b"), False), ("a%2eb", False), ("A", False),
    ],
)  # fmt: skip
def test_a_host_name_is_labels_with_dots_between(host: str, valid: bool) -> None:
    assert is_name(host) is valid
