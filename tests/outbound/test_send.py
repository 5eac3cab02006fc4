from __future__ import annotations

import socket

import pytest

from outbound.conftest import door_to, resolving
from outbound.stand_in import Asked, Line, serving
from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.outbound import Door
from polyscribe.outbound.target import basic
from polyscribe.ports import Answer, Outbound


def test_the_door_is_an_outbound(door: Door) -> None:
    outbound: Outbound = door

    assert outbound is door


def test_method_headers_and_body_arrive_as_given(door: Door) -> None:
    with serving(lambda asked, line: line.answer(200)) as server:
        headers = {"X-Twilio-Signature": "c2ln", "Content-Type": "application/json", "Host": "evil.test"}
        answer = door.send("POST", f"{server.url}/hook?a=b", headers=headers, body=b'{"a": 1}')

        assert answer == Answer(200)
        assert server.asked == [
            Asked(
                "POST",
                "/hook?a=b",
                {
                    "host": f"127.0.0.1:{server.port}",
                    "x-twilio-signature": "c2ln",
                    "content-type": "application/json",
                    "user-agent": "polyscribe",
                    "connection": "close",
                    "content-length": "8",
                },
                b'{"a": 1}',
            )
        ]


def test_a_large_body_arrives_whole(door: Door) -> None:
    body = bytes(range(256)) * 8192
    with serving(lambda asked, line: line.answer(202)) as server:
        door.send("POST", server.url, headers={}, body=body)

        assert server.asked[0].body == body


def test_an_empty_post_says_that_it_is_empty_and_a_get_says_nothing(door: Door) -> None:
    with serving(lambda asked, line: line.answer(204)) as server:
        door.send("POST", server.url, headers={}, body=b"")
        door.send("GET", server.url, headers={}, body=b"")

        assert [asked.headers.get("content-length") for asked in server.asked] == ["0", None]


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 429, 500, 503])
def test_any_status_is_an_answer_and_redirects_are_not_followed(door: Door, status: int) -> None:
    with serving(lambda asked, line: line.answer(status, location="/elsewhere")) as server:
        answer = door.send("POST", server.url, headers={}, body=b"x")

        assert answer.status == status
        assert server.connections == 1


def test_a_long_answer_is_not_read_to_its_end(door: Door) -> None:
    def script(asked: Asked, line: Line) -> None:
        line.answer(200, bytes(80 << 10), content_length=str(1 << 40))
        line.hang()

    with serving(script) as server:
        assert door.send("POST", server.url, headers={}, body=b"x") == Answer(200)


def test_a_status_is_an_answer_even_if_the_rest_never_comes(door: Door) -> None:
    def script(asked: Asked, line: Line) -> None:
        line.answer(500, b"", content_length="9")
        line.hang()

    with serving(script) as server:
        assert door.send("POST", server.url, headers={}, body=b"x", timeout_s=0.2) == Answer(500)


def test_the_timeout_is_for_everything_together(door: Door) -> None:
    def script(asked: Asked, line: Line) -> None:
        line.send(b"HTTP/1.1 200 OK\r\n")
        while not line.over.wait(0.01):
            line.send(b"X: y\r\n")

    with serving(script) as server, pytest.raises(FetchFailed) as caught:
        door.send("POST", server.url, headers={}, body=b"x", timeout_s=0.2)

    assert (caught.value.fault, caught.value.retryable) == (FetchFault.TIMED_OUT, True)


def test_a_receiver_that_does_not_read_times_out(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(FetchFailed) as caught:
        door.send("POST", f"http://127.0.0.1:{deaf.getsockname()[1]}/", headers={}, body=bytes(32 << 20), timeout_s=0.3)

    assert caught.value.fault is FetchFault.TIMED_OUT


def test_a_connection_that_breaks_before_a_status_is_a_failure(door: Door) -> None:
    with serving(lambda asked, line: line.hang_up()) as server, pytest.raises(FetchFailed) as caught:
        door.send("POST", server.url, headers={}, body=b"x")

    assert (caught.value.fault, caught.value.retryable) == (FetchFault.UNAVAILABLE, True)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://127.0.0.1:9/", FetchFault.FORBIDDEN_ADDRESS),
        ("https://[::1]/", FetchFault.FORBIDDEN_ADDRESS),
        ("https://media.test/", FetchFault.FORBIDDEN_ADDRESS),
        ("http://public.test/", FetchFault.BAD_ADDRESS),
        ("ftp://public.test/", FetchFault.BAD_ADDRESS),
    ],
)
def test_webhooks_go_nowhere_that_a_fetch_may_not(url: str, fault: FetchFault) -> None:
    door = door_to("", resolving(media_test="10.0.0.1", public_test="93.184.215.14"))

    with pytest.raises(FetchFailed) as caught:
        door.send("POST", url, headers={}, body=b"x")

    assert caught.value.fault is fault


def test_credentials_in_the_url_are_sent_unless_the_caller_has_its_own(door: Door) -> None:
    with serving(lambda asked, line: line.answer(200)) as server:
        url = server.url.replace("//", "//me:hunter2@")
        door.send("POST", url, headers={}, body=b"")
        door.send("POST", url, headers={"authorization": "Bearer t"}, body=b"")

        sent = [asked.headers["authorization"] for asked in server.asked]
    assert sent == [basic("me", "hunter2"), "Bearer t"]


def test_a_header_that_would_split_the_request_is_refused(door: Door) -> None:
    with serving(lambda asked, line: line.answer(200)) as server, pytest.raises(FetchFailed) as caught:
        door.send("POST", server.url, headers={"X-A": "b\r\nX-C: d"}, body=b"")

    assert caught.value.fault is FetchFault.BAD_ADDRESS
    assert server.asked == []
