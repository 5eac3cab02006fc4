from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from polyscribe.web import answers

SOUND = bytes(range(100))


async def read(start: int, stop: int) -> AsyncIterator[bytes]:
    for at in range(start, stop, 7):
        yield SOUND[at : min(at + 7, stop)]


async def endpoint(request: Request) -> Response:
    return answers.media(request, read, len(SOUND), "audio/x-wav", "abc")


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=[Route("/", endpoint, methods=["GET", "HEAD"])]))


def test_media_is_given_as_a_whole(client: TestClient) -> None:
    answer = client.get("/")

    assert (answer.status_code, answer.content) == (200, SOUND)
    assert (answer.headers["content-length"], answer.headers["accept-ranges"]) == ("100", "bytes")
    assert answer.headers["content-type"] == "audio/x-wav"


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("0-0", 0, 1), ("10-19", 10, 20), ("90-", 90, 100), ("-5", 95, 100), ("-500", 0, 100), ("95-500", 95, 100)],
)
def test_a_range_is_given_as_a_part(client: TestClient, wanted: str, start: int, stop: int) -> None:
    answer = client.get("/", headers={"Range": f"bytes={wanted}"})

    assert (answer.status_code, answer.content) == (206, SOUND[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/100"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=-0", "bytes=500-600"])
def test_a_range_outside_cannot_be_given(client: TestClient, wanted: str) -> None:
    answer = client.get("/", headers={"Range": wanted})

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */100")


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=a-b"])
def test_a_range_that_makes_no_sense_is_passed_over(client: TestClient, wanted: str) -> None:
    assert client.get("/", headers={"Range": wanted}).status_code == 200


def test_a_range_of_what_has_changed_is_not_given(client: TestClient) -> None:
    assert client.get("/", headers={"Range": "bytes=0-1", "If-Range": '"old"'}).status_code == 200
    assert client.get("/", headers={"Range": "bytes=0-1", "If-Range": '"abc"'}).status_code == 206


def test_the_head_alone_has_no_body(client: TestClient) -> None:
    answer = client.head("/")

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "100")


def test_what_the_client_has_is_not_sent_again(client: TestClient) -> None:
    assert client.get("/", headers={"If-None-Match": '"abc"'}).status_code == 304
