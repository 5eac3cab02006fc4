from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outbound.stand_in import Asked, Line, serving
from polyscribe import telemetry
from polyscribe.domain.errors import FetchFailed
from polyscribe.outbound import Allowed, Door

Heard = list[tuple[str, dict[str, telemetry.Fact]]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    facts_by_name: Heard = []
    deaf = telemetry.listen(lambda name, facts: facts_by_name.append((name, facts)))
    yield facts_by_name
    deaf()


def answer(asked: Asked, line: Line) -> None:
    line.answer(404 if asked.path == "/missing" else 200, b"abc")


def test_a_door_is_built_from_what_is_allowed_alone(into: Path) -> None:
    with serving(answer) as server:
        assert Door(Allowed.parse("127.0.0.1")).fetch(server.url, into, max_bytes=3).size_bytes == 3


def test_what_was_fetched_and_sent_is_told(door: Door, into: Path, heard: Heard) -> None:
    with serving(answer) as server:
        door.fetch(server.url, into, max_bytes=3)
        door.send("POST", server.url, headers={}, body=b"")

    assert [name for name, _ in heard] == ["outbound.fetched", "outbound.sent"]
    assert heard[0][1]["size_bytes"] == 3
    assert heard[1][1]["status"] == 200


def test_what_failed_is_told_by_its_fault(door: Door, into: Path, heard: Heard) -> None:
    with serving(answer) as server, pytest.raises(FetchFailed):
        door.fetch(f"{server.url}/missing", into, max_bytes=3)
    with pytest.raises(FetchFailed):
        door.send("POST", server.url, headers={}, body=b"")

    assert [(name, facts["fault"]) for name, facts in heard] == [
        ("outbound.fetch_failed", "not_found"),
        ("outbound.send_failed", "unavailable"),
    ]


def test_a_file_that_was_there_is_replaced_only_by_a_whole_one(door: Door, into: Path) -> None:
    into.write_bytes(b"old")

    with serving(answer) as server:
        with pytest.raises(FetchFailed):
            door.fetch(server.url, into, max_bytes=2)
        assert into.read_bytes() == b"old"
        door.fetch(server.url, into, max_bytes=3)

    assert into.read_bytes() == b"abc"
