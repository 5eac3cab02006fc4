from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from outbound.conftest import Certificate, door_to, resolving
from outbound.stand_in import Asked, Line, serving
from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.outbound import Allowed, Door
from polyscribe.outbound.line import check

PUBLIC, PRIVATE = ip_address("93.184.215.14"), ip_address("10.0.0.1")
Refusal = Callable[..., FetchFailed]


def content(asked: Asked, line: Line) -> None:
    line.answer(200, b"x" * 200_000)


def test_public_addresses_may_be_opened_and_without_tls_only_when_that_is_allowed() -> None:
    check(Allowed(), "media.test", [PUBLIC], plain=False)

    with pytest.raises(FetchFailed) as caught:
        check(Allowed(), "media.test", [PUBLIC], plain=True)
    assert caught.value.fault is FetchFault.BAD_ADDRESS


def test_listed_addresses_may_be_opened_without_tls() -> None:
    check(Allowed.parse("10.0.0.0/8"), "media.test", [PRIVATE], plain=True)
    check(Allowed.parse("media.test"), "media.test", [PUBLIC, PRIVATE], plain=True)


def test_one_forbidden_address_forbids_the_host() -> None:
    with pytest.raises(FetchFailed) as caught:
        check(Allowed(), "media.test", [PUBLIC, PRIVATE], plain=False)

    assert caught.value.fault is FetchFault.FORBIDDEN_ADDRESS


def test_tls_is_checked_against_the_host_of_the_url(into: Path, certificate: Certificate) -> None:
    resolver = resolving(media_example_test="127.0.0.1")
    door = door_to("127.0.0.1", resolver, tls=certificate.trusting)

    with serving(content, tls=certificate.server) as server:
        fetched = door.fetch(f"https://media.example.test:{server.port}/", into, max_bytes=1 << 20)

    assert fetched.size_bytes == 200_000


@pytest.mark.parametrize("host", ["other.example.test", "127.0.0.1"])
def test_a_certificate_for_another_name_is_refused(refusal: Refusal, certificate: Certificate, host: str) -> None:
    resolver = resolving(other_example_test="127.0.0.1")
    door = door_to("127.0.0.1", resolver, tls=certificate.trusting)

    with serving(content, tls=certificate.server) as server:
        failed = refusal(door, f"https://{host}:{server.port}/")

        assert server.asked == []
    assert (failed.fault, failed.retryable) == (FetchFault.REFUSED, False)


def test_a_certificate_of_a_stranger_is_refused(refusal: Refusal, certificate: Certificate) -> None:
    door = door_to("127.0.0.1", resolving(media_example_test="127.0.0.1"))

    with serving(content, tls=certificate.server) as server:
        failed = refusal(door, f"https://media.example.test:{server.port}/")

    assert failed.fault is FetchFault.REFUSED


def test_a_server_without_tls_is_unavailable_over_https(door: Door, refusal: Refusal) -> None:
    with serving(content) as server:
        failed = refusal(door, f"https://127.0.0.1:{server.port}/")

    assert failed.fault is FetchFault.UNAVAILABLE


def test_a_silence_under_tls_is_waited_out_in_slices(into: Path, certificate: Certificate) -> None:
    polls: list[None] = []

    def script(asked: Asked, line: Line) -> None:
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        line.over.wait(0.3)
        line.send(b"cd")

    def still_wanted() -> bool:
        polls.append(None)
        return True

    door = door_to("127.0.0.1", resolving(media_example_test="127.0.0.1"), tls=certificate.trusting)
    with serving(script, tls=certificate.server) as server:
        door.fetch(f"https://media.example.test:{server.port}/", into, max_bytes=9, still_wanted=still_wanted)

    assert into.read_bytes() == b"abcd"
    assert len(polls) > 2


def test_what_is_not_http_is_unavailable(door: Door, refusal: Refusal) -> None:
    with serving(lambda asked, line: line.send(b"SSH-2.0-OpenSSH_9.6\r\n")) as server:
        assert refusal(door, server.url).fault is FetchFault.UNAVAILABLE
