from __future__ import annotations

import gzip
import hashlib
import random
import re
import socket
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from outbound.conftest import QUICK, door_to, resolving
from outbound.stand_in import Asked, Line, Script, serving
from polyscribe import telemetry
from polyscribe.domain.errors import FetchFailed, FetchFault, StoreFailed
from polyscribe.outbound import Allowed, Door
from polyscribe.outbound.target import basic
from polyscribe.ports import Fetched

CONTENT = random.Random(1).randbytes(300_000)
Refusal = Callable[..., FetchFailed]


def answering(status: int, body: bytes = b"", **headers: str) -> Script:
    return lambda asked, line: line.answer(status, body, **headers)


def cutting(content: bytes, every: int, **headers: str) -> Script:
    """Serves ranges, but hangs up `every` so many bytes of body."""

    def script(asked: Asked, line: Line) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        start = int(match[1]) if match else 0
        named = {"content_length": str(len(content) - start)} | headers
        if match:
            named["content_range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        line.answer(206 if match else 200, content[start : start + every], **named)
        line.hang_up()

    return script


def test_content_arrives_whole_with_its_size_hash_and_type(door: Door, into: Path) -> None:
    with serving(answering(200, CONTENT, content_type="Audio/WAV; codecs=1")) as server:
        fetched = door.fetch(f"{server.url}/a.wav?x=1", into, max_bytes=len(CONTENT))

    assert fetched == Fetched(len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "audio/wav")
    assert into.read_bytes() == CONTENT
    assert list(into.parent.iterdir()) == [into]


def test_the_request_asks_for_plain_bytes_and_carries_nothing_of_ours(
    door: Door, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving(answering(200, b"x", set_cookie="a=b")) as server:
        door.fetch(f"{server.url}/", into, max_bytes=9)

        assert server.asked[0].headers == {
            "host": f"127.0.0.1:{server.port}",
            "user-agent": "polyscribe",
            "accept": "*/*",
            "accept-encoding": "identity",
            "connection": "close",
        }


def test_content_without_a_length_arrives_too(door: Door, into: Path) -> None:
    def script(asked: Asked, line: Line) -> None:
        if asked.path == "/chunked":
            line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        else:
            line.send(b"HTTP/1.0 200 OK\r\n\r\nabcde")

    with serving(script) as server:
        for path in ("/chunked", "/until-close"):
            door.fetch(server.url + path, into, max_bytes=5)

            assert into.read_bytes() == b"abcde"


# --- what a status means


@pytest.mark.parametrize(
    ("status", "fault", "retryable"),
    [
        (404, FetchFault.NOT_FOUND, False),
        (410, FetchFault.NOT_FOUND, False),
        (401, FetchFault.NOT_AUTHORIZED, False),
        (403, FetchFault.NOT_AUTHORIZED, False),
        (408, FetchFault.UNAVAILABLE, True),
        (425, FetchFault.UNAVAILABLE, True),
        (429, FetchFault.UNAVAILABLE, True),
        (500, FetchFault.UNAVAILABLE, True),
        (503, FetchFault.UNAVAILABLE, True),
        (400, FetchFault.REFUSED, False),
        (418, FetchFault.REFUSED, False),
        (416, FetchFault.REFUSED, False),
        (204, FetchFault.REFUSED, False),
        (206, FetchFault.REFUSED, False),
        (304, FetchFault.REFUSED, False),
        (302, FetchFault.REFUSED, False),
    ],
)
def test_a_status_that_brings_no_content_is_a_fault(
    door: Door, refusal: Refusal, status: int, fault: FetchFault, retryable: bool
) -> None:
    with serving(answering(status)) as server:
        failed = refusal(door, server.url)

    assert (failed.fault, failed.retryable, failed.status) == (fault, retryable, status)


def test_how_long_the_server_wants_to_be_left_alone_is_told(door: Door, refusal: Refusal) -> None:
    with serving(answering(503, retry_after="7")) as server:
        assert refusal(door, server.url).wait_s == 7.0


# --- addresses


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0177.0.0.1", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"]
)
def test_addresses_inside_are_refused_however_they_are_spelt(refusal: Refusal, host: str) -> None:
    failed = refusal(Door(Allowed(), limits=QUICK), f"http://{host}/", allow_http=True)

    assert failed.fault in {FetchFault.FORBIDDEN_ADDRESS, FetchFault.BAD_ADDRESS}


def test_a_name_that_also_leads_inwards_is_refused_altogether(refusal: Refusal) -> None:
    resolver = resolving(media_test=["93.184.215.14", "127.0.0.1"])

    failed = refusal(door_to("", resolver), "https://media.test/")

    assert failed.fault is FetchFault.FORBIDDEN_ADDRESS
    assert "127.0.0.1" not in failed.message


def test_the_address_that_is_dialled_is_the_one_that_was_checked(into: Path) -> None:
    answers = iter(["127.0.0.2", "127.0.0.1"])
    resolved: list[str] = []

    def rebinding(host: str, port: int, **how: object) -> list[tuple[object, ...]]:
        resolved.append(next(answers))
        return resolving()(resolved[-1], port)

    with serving(answering(200, b"right"), host="127.0.0.2") as server:
        door = door_to("127.0.0.2", rebinding)
        door.fetch(f"http://media.test:{server.port}/", into, max_bytes=9)

        assert into.read_bytes() == b"right"
        assert resolved == ["127.0.0.2"]
        assert server.asked[0].headers["host"] == f"media.test:{server.port}"


def test_every_hop_is_resolved_and_checked_afresh(refusal: Refusal) -> None:
    answers = iter(["127.0.0.2", "127.0.0.1"])

    def rebinding(host: str, port: int, **how: object) -> list[tuple[object, ...]]:
        return resolving()(next(answers), port)

    with serving(answering(302, location="/again"), host="127.0.0.2") as server:
        failed = refusal(door_to("127.0.0.2", rebinding), f"http://media.test:{server.port}/")

        assert failed.fault is FetchFault.FORBIDDEN_ADDRESS
        assert [asked.path for asked in server.asked] == ["/"]


def test_the_next_address_is_tried_when_one_does_not_answer(into: Path) -> None:
    with serving(answering(200, b"x"), host="127.0.0.3") as server:
        door = door_to("127.0.0.0/8", resolving(media_test=["127.0.0.2", "127.0.0.3"]))
        door.fetch(f"http://media.test:{server.port}/", into, max_bytes=9)

    assert into.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("code", "fault"), [("EAI_NONAME", FetchFault.UNRESOLVED), ("EAI_AGAIN", FetchFault.UNAVAILABLE)]
)
def test_only_a_resolver_that_cannot_be_asked_is_worth_another_try(
    refusal: Refusal, code: str, fault: FetchFault
) -> None:
    def failing(host: str, port: int, **how: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(getattr(socket, code), "why")

    assert refusal(door_to("", failing), "https://media.test/").fault is fault


def test_a_name_without_addresses_is_unresolved(refusal: Refusal) -> None:
    failed = refusal(door_to("", lambda *_, **__: []), "https://media.test/")

    assert failed.fault is FetchFault.UNRESOLVED


def test_a_server_that_is_not_there_is_unavailable(door: Door, refusal: Refusal) -> None:
    with serving(answering(200)) as server:
        pass

    assert refusal(door, server.url).fault is FetchFault.UNAVAILABLE


def test_http_needs_the_callers_or_the_operators_leave(into: Path, refusal: Refusal) -> None:
    public = door_to("", resolving(media_test="93.184.215.14"))
    by_name = door_to("media.test", resolving(media_test="127.0.0.1"))

    with serving(answering(200, b"x")) as server:
        assert refusal(public, "http://media.test/").fault is FetchFault.BAD_ADDRESS
        assert by_name.fetch(f"http://media.test:{server.port}/", into, max_bytes=9).size_bytes == 1


# --- redirects


def redirecting(times: int) -> Script:
    def script(asked: Asked, line: Line) -> None:
        count = int(asked.path.strip("/") or "0")
        if count < times:
            line.answer(307, b"not this", location=f"/{count + 1}")
        else:
            line.answer(200, b"this")

    return script


def test_five_redirects_are_followed(door: Door, into: Path) -> None:
    with serving(redirecting(5)) as server:
        door.fetch(server.url, into, max_bytes=9)

    assert into.read_bytes() == b"this"


def test_six_redirects_are_too_many(door: Door, refusal: Refusal) -> None:
    with serving(redirecting(6)) as server:
        assert refusal(door, server.url).fault is FetchFault.TOO_MANY_REDIRECTS


@pytest.mark.parametrize(
    ("location", "fault"),
    [
        ("file:///etc/passwd", FetchFault.BAD_ADDRESS),
        ("http://[::1", FetchFault.BAD_ADDRESS),
        ("http://10.0.0.1/", FetchFault.FORBIDDEN_ADDRESS),
        ("https://169.254.169.254/latest/meta-data", FetchFault.FORBIDDEN_ADDRESS),
    ],
)
def test_a_redirect_leads_nowhere_that_a_url_may_not(
    door: Door, refusal: Refusal, location: str, fault: FetchFault
) -> None:
    with serving(answering(301, location=location)) as server:
        assert refusal(door, server.url, allow_http=True).fault is fault


def test_a_redirect_to_http_needs_the_same_leave(refusal: Refusal) -> None:
    door = door_to("127.0.0.1", resolving(media_test="93.184.215.14"))
    with serving(answering(302, location="http://media.test/")) as server:
        assert refusal(door, server.url).fault is FetchFault.BAD_ADDRESS


# --- credentials


@pytest.mark.parametrize("given", ["in the url", "beside it"])
def test_credentials_stay_at_the_host_that_they_are_for(door: Door, into: Path, given: str) -> None:
    with serving(answering(200, b"x"), host="127.0.0.2") as elsewhere:

        def script(asked: Asked, line: Line) -> None:
            line.answer(302, location=f"{elsewhere.url}/there" if asked.path == "/here" else "/here")

        with serving(script) as server:
            if given == "in the url":
                door.fetch(f"http://me:hunter2@127.0.0.1:{server.port}/", into, max_bytes=9)
            else:
                door.fetch(f"{server.url}/", into, max_bytes=9, basic_auth=("me", "hunter2"))

            assert [asked.headers.get("authorization") for asked in server.asked] == [basic("me", "hunter2")] * 2
        assert "authorization" not in elsewhere.asked[0].headers


def test_credentials_do_not_follow_to_another_port(door: Door, into: Path) -> None:
    with serving(answering(200, b"x")) as other, serving(answering(302, location=other.url)) as server:
        door.fetch(server.url, into, max_bytes=9, basic_auth=("me", "hunter2"))

        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize(("status", "path"), [(403, "/"), (302, "/"), (200, "\x00")])
def test_no_secret_is_in_what_is_told_about_a_failure(door: Door, into: Path, status: int, path: str) -> None:
    password, signature = "hunter2", "abcdef"
    heard: list[str] = []
    deaf = telemetry.listen(lambda name, facts: heard.append(f"{name} {facts}"))
    with serving(answering(status)) as server, pytest.raises(FetchFailed) as caught:
        door.fetch(f"http://me:{password}@127.0.0.1:{server.port}{path}?signature={signature}", into, max_bytes=9)
    deaf()

    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + "".join(heard)
    assert len(heard) == 1
    assert not any(secret in told for secret in (password, signature, basic("me", password)))


# --- size


def test_a_length_above_the_limit_is_refused_before_reading(door: Door, refusal: Refusal) -> None:
    def script(asked: Asked, line: Line) -> None:
        line.answer(200, b"", content_length=str(1 << 40))
        line.hang()

    with serving(script) as server:
        assert refusal(door, server.url).fault is FetchFault.TOO_LARGE


def test_content_without_a_length_is_cut_off_at_the_limit(door: Door, refusal: Refusal) -> None:
    def script(asked: Asked, line: Line) -> None:
        line.send(b"HTTP/1.1 200 OK\r\n\r\n" + CONTENT)
        line.hang()

    with serving(script) as server:
        failed = refusal(door, server.url, max_bytes=len(CONTENT) - 1)

    assert failed.fault is FetchFault.TOO_LARGE


def test_a_server_that_sends_less_than_it_announced_is_unavailable(door: Door, refusal: Refusal) -> None:
    with serving(answering(200, b"abc", content_length="5")) as server:
        failed = refusal(door, server.url)

        assert failed.fault is FetchFault.UNAVAILABLE
        assert server.connections == 1 + QUICK.resumes


def test_compressed_content_is_unpacked(door: Door, into: Path) -> None:
    with serving(answering(200, gzip.compress(CONTENT), content_encoding="GZIP")) as server:
        fetched = door.fetch(server.url, into, max_bytes=1 << 20)

    assert fetched.size_bytes == len(CONTENT)
    assert into.read_bytes() == CONTENT


def test_a_decompression_bomb_is_cut_off_at_the_limit(door: Door, refusal: Refusal) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    with serving(answering(200, bomb, content_encoding="gzip")) as server:
        assert refusal(door, server.url).fault is FetchFault.TOO_LARGE


def test_compressed_content_that_is_cut_off_begins_anew(door: Door, into: Path) -> None:
    packed = gzip.compress(CONTENT)

    def script(asked: Asked, line: Line) -> None:
        sent = packed[:100_000] if len(server.asked) == 1 else packed
        line.answer(200, sent, content_length=str(len(packed)), content_encoding="gzip", etag='"1"')

    with serving(script) as server:
        door.fetch(server.url, into, max_bytes=1 << 20)

        assert "range" not in server.asked[1].headers
    assert into.read_bytes() == CONTENT


# --- resuming


@pytest.mark.parametrize(
    "validator",
    [
        {"etag": '"v1"'},
        {"last_modified": "Mon, 01 Jan 2024 00:00:00 GMT", "date": "Tue, 02 Jan 2024 00:00:00 GMT"},
    ],
)
def test_a_dropped_connection_is_resumed_where_it_broke(door: Door, into: Path, validator: dict[str, str]) -> None:
    with serving(cutting(CONTENT, 70_000, content_type="audio/mpeg", **validator)) as server:
        fetched = door.fetch(server.url, into, max_bytes=len(CONTENT))

        ranges = [asked.headers.get("range") for asked in server.asked]
        assert {asked.headers["if-range"] for asked in server.asked[1:]} == {next(iter(validator.values()))}
    assert ranges == [None, "bytes=70000-", "bytes=140000-", "bytes=210000-", "bytes=280000-"]
    assert fetched == Fetched(len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "audio/mpeg")
    assert into.read_bytes() == CONTENT


def test_credentials_go_with_a_resume_too(door: Door, into: Path) -> None:
    with serving(cutting(CONTENT, 200_000, etag='"v1"')) as server:
        door.fetch(server.url, into, max_bytes=len(CONTENT), basic_auth=("me", "hunter2"))

        assert {asked.headers["authorization"] for asked in server.asked} == {basic("me", "hunter2")}


@pytest.mark.parametrize(
    "headers",
    [{}, {"etag": 'W/"v1"'}, {"last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"}],
)
def test_without_a_strong_validator_it_begins_anew(door: Door, into: Path, headers: dict[str, str]) -> None:
    def script(asked: Asked, line: Line) -> None:
        sent = CONTENT[:50_000] if len(server.asked) == 1 else CONTENT
        line.answer(200, sent, content_length=str(len(CONTENT)), **headers)

    with serving(script) as server:
        door.fetch(server.url, into, max_bytes=len(CONTENT))

        assert "range" not in server.asked[1].headers
    assert into.read_bytes() == CONTENT


def resumed_with(first: bytes, second: Callable[[Line], None]) -> Script:
    """Breaks off after `first` of CONTENT, answers the resume as `second` does, and everything later well."""
    asked_before: list[Asked] = []

    def script(asked: Asked, line: Line) -> None:
        asked_before.append(asked)
        if len(asked_before) == 1:
            line.answer(200, first, content_length=str(len(CONTENT)), etag='"v1"')
        elif len(asked_before) == 2:
            second(line)
        else:
            line.answer(200, CONTENT, etag='"v2"')

    return script


def test_changed_content_is_taken_from_its_beginning(door: Door, into: Path) -> None:
    script = resumed_with(b"old" * 1000, lambda line: line.answer(200, CONTENT, etag='"v2"'))

    with serving(script) as server:
        fetched = door.fetch(server.url, into, max_bytes=len(CONTENT))

        assert len(server.asked) == 2
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {"content_range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}),
        (206, {"content_range": f"bytes 3000-{len(CONTENT)}/{len(CONTENT) + 1}"}),
        (206, {"content_range": "bytes 3000-2999/300000"}),
        (206, {"content_range": "nonsense"}),
        (206, {}),
        (206, {"content_range": f"bytes 3000-{len(CONTENT) - 1}/{len(CONTENT)}", "content_encoding": "gzip"}),
        (206, {"content_range": f"bytes 3000-{len(CONTENT) - 1}/{len(CONTENT)}", "content_length": None}),
        (416, {}),
    ],
)
def test_a_resume_at_the_wrong_place_begins_anew(
    door: Door, into: Path, status: int, headers: dict[str, str | None]
) -> None:
    def second(line: Line) -> None:
        if "content_length" in headers:  # more bytes than the range has
            line.send(b"HTTP/1.1 206 P\r\nContent-Range: bytes 3000-299999/300000\r\n\r\n" + CONTENT)
        else:
            line.answer(status, b"wrong", **{k: v for k, v in headers.items() if v is not None})

    with serving(resumed_with(CONTENT[:3000], second)) as server:
        door.fetch(server.url, into, max_bytes=1 << 20)

        assert "range" not in server.asked[2].headers
    assert into.read_bytes() == CONTENT


def test_a_server_that_gives_ranges_in_smaller_pieces_is_followed(door: Door, into: Path) -> None:
    def script(asked: Asked, line: Line) -> None:
        start = int(asked.headers["range"][6:-1]) if "range" in asked.headers else 0
        stop = min(start + 100_000, len(CONTENT))
        headers = {"etag": '"v1"', "content_range": f"bytes {start}-{stop - 1}/{len(CONTENT)}"}
        if start:
            line.answer(206, CONTENT[start:stop], **headers)
        else:
            line.answer(200, CONTENT[:stop], content_length=str(len(CONTENT)), etag='"v1"')

    with serving(script) as server:
        door.fetch(server.url, into, max_bytes=len(CONTENT))

    assert into.read_bytes() == CONTENT


def test_resumes_that_get_no_further_come_to_an_end(door: Door, refusal: Refusal) -> None:
    def stuck(asked: Asked, line: Line) -> None:
        if "range" in asked.headers:
            line.answer(503)
        else:
            line.answer(200, CONTENT[:9], content_length="99", etag='"v1"')

    with serving(stuck) as server:
        failed = refusal(door, server.url)

        assert server.connections == 1 + QUICK.resumes
    assert (failed.fault, failed.status) == (FetchFault.UNAVAILABLE, 503)


def test_a_connection_that_breaks_before_the_content_is_left_to_the_caller(door: Door, refusal: Refusal) -> None:
    with serving(cutting(CONTENT, 0, etag='"v1"')) as server:
        failed = refusal(door, server.url)

        assert server.connections == 1
    assert (failed.fault, failed.retryable) == (FetchFault.UNAVAILABLE, True)


def test_resumes_that_creep_forward_come_to_an_end_too(refusal: Refusal) -> None:
    door = door_to("127.0.0.1", limits=replace(QUICK, resumes_total=7))
    with serving(cutting(CONTENT, 1, etag='"v1"')) as server:
        failed = refusal(door, server.url)

        assert server.connections == 8
    assert failed.fault is FetchFault.UNAVAILABLE


def test_content_that_is_gone_when_it_is_resumed_is_not_found(door: Door, refusal: Refusal) -> None:
    with serving(resumed_with(CONTENT[:9], lambda line: line.answer(404))) as server:
        assert refusal(door, server.url).fault is FetchFault.NOT_FOUND
        assert server.connections == 2


# --- time


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_a_server_that_falls_silent_times_out(refusal: Refusal, said: bytes) -> None:
    def script(asked: Asked, line: Line) -> None:
        line.send(said)
        line.hang()

    door = door_to("127.0.0.1", limits=replace(QUICK, quiet_s=0.1))
    with serving(script) as server:
        failed = refusal(door, server.url)

    assert (failed.fault, failed.retryable) == (FetchFault.TIMED_OUT, True)


def dripping(head: bytes, drop: bytes) -> Script:
    def script(asked: Asked, line: Line) -> None:
        line.send(head)
        while not line.over.wait(0.01):
            line.send(drop)

    return script


@pytest.mark.parametrize(
    ("limits", "head", "drop"),
    [
        (replace(QUICK, head_s=0.2), b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (replace(QUICK, head_s=0.2), b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (replace(QUICK, slow_window_s=0.2, slow_bytes_per_s=5000), b"HTTP/1.1 200 OK\r\n\r\n", b"z"),
        (replace(QUICK, total_s=0.2), b"HTTP/1.1 200 OK\r\n\r\n", b"z"),
    ],
    ids=["headers", "continues", "rate", "deadline"],
)
def test_a_server_that_only_drips_times_out(refusal: Refusal, limits: object, head: bytes, drop: bytes) -> None:
    door = door_to("127.0.0.1", limits=limits)
    with serving(dripping(head, drop)) as server:
        failed = refusal(door, server.url)

        assert server.connections == 1
    assert (failed.fault, failed.retryable) == (FetchFault.TIMED_OUT, True)


def test_a_silence_in_the_middle_is_resumed(into: Path) -> None:
    def script(asked: Asked, line: Line) -> None:
        if "range" in asked.headers:
            line.answer(206, CONTENT[9:], content_range=f"bytes 9-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            line.answer(200, CONTENT[:9], content_length=str(len(CONTENT)), etag='"v1"')
            line.hang()

    door = door_to("127.0.0.1", limits=replace(QUICK, quiet_s=0.2))
    with serving(script) as server:
        door.fetch(server.url, into, max_bytes=len(CONTENT))

    assert into.read_bytes() == CONTENT


def test_a_resume_that_is_not_answered_in_time_is_tried_again(into: Path) -> None:
    script = resumed_with(CONTENT[:9], lambda line: line.hang())
    door = door_to("127.0.0.1", limits=replace(QUICK, head_s=0.2, pause_s=0.01))

    with serving(script) as server:
        door.fetch(server.url, into, max_bytes=len(CONTENT))

        assert len(server.asked) == 3
    assert into.read_bytes() == CONTENT


def test_what_nobody_wants_any_more_is_stopped_in_a_silence(door: Door, refusal: Refusal) -> None:
    def script(asked: Asked, line: Line) -> None:
        line.answer(200, b"abc", content_length="9", etag='"v1"')
        line.hang()

    with serving(script) as server:
        failed = refusal(door, server.url, still_wanted=lambda: not server.asked)

        assert server.connections == 1
    assert (failed.fault, failed.retryable) == (FetchFault.UNAVAILABLE, False)


def test_what_nobody_wants_from_the_start_is_not_dialled(door: Door, refusal: Refusal) -> None:
    with serving(answering(200)) as server:
        refusal(door, server.url, still_wanted=lambda: False)

        assert server.connections == 0


def test_a_file_that_cannot_be_written_is_a_failure_of_the_store(door: Door, tmp_path: Path) -> None:
    with serving(answering(200, b"x")) as server, pytest.raises(StoreFailed):
        door.fetch(server.url, tmp_path / "missing" / "content", max_bytes=9)
