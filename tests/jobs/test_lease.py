"""Who counts as dead, and who may judge. Locks are real; the past is written into the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from polyscribe.jobs.lease import Lease
from polyscribe.storage import executors
from polyscribe.storage.database import Database
from polyscribe.storage.tables import executors as table

LEASE_S = 30.0
OTHER_HOST = "elsewhere"


@pytest.fixture
def empty(database: Database) -> Iterator[Database]:
    with database.transaction() as tx:
        tx.execute(table.delete())
    return database


def lease(database: Database, folder: Path, name: str) -> Lease:
    taken = Lease(database, name, folder, LEASE_S)
    taken.take()
    return taken


def age(database: Database, name: str, seconds: float) -> None:
    """As if that process had last been seen so much earlier."""
    earlier = executors.SEEN_AT - int(seconds * 1_000_000)
    with database.transaction() as tx:
        tx.execute(table.update().where(table.c.id == name).values(seen_at=earlier))


def steady(database: Database, own: Lease, name: str) -> None:
    """Let it have been seen for a full lease, in beats of a fifth of it."""
    for _ in range(6):
        age(database, name, LEASE_S / 5)
        own.beat()


def elsewhere(database: Database, name: str) -> None:
    with database.transaction() as tx:
        executors.beat(tx, name, OTHER_HOST, "/somewhere/lock")


def test_a_process_that_holds_its_lock_lives(empty: Database, tmp_path: Path) -> None:
    own, other = lease(empty, tmp_path, "own"), lease(empty, tmp_path, "other")

    assert own.alive() == ({"other"}, [])

    other.release()
    own.release()


def test_a_process_whose_lock_is_free_is_dead_at_once(empty: Database, tmp_path: Path) -> None:
    own = lease(empty, tmp_path, "own")
    with empty.transaction() as tx:
        executors.beat(tx, "other", own._host, str(tmp_path / "other.lock"))
    (tmp_path / "other.lock").touch()

    assert own.alive() == (set(), ["other"])

    own.release()


def test_a_process_of_another_host_is_judged_by_its_silence_alone(empty: Database, tmp_path: Path) -> None:
    own = lease(empty, tmp_path, "own")
    elsewhere(empty, "other")
    steady(empty, own, "own")

    before = own.alive()
    age(empty, "other", LEASE_S + 1)
    after = own.alive()

    assert (before, after) == (({"other"}, []), (set(), ["other"]))
    own.release()


def test_a_frozen_process_is_dead_although_it_holds_its_lock(empty: Database, tmp_path: Path) -> None:
    own, frozen = lease(empty, tmp_path, "own"), lease(empty, tmp_path, "frozen")
    steady(empty, own, "own")
    age(empty, "frozen", LEASE_S + 1)

    assert own.alive() == (set(), ["frozen"])

    frozen.release()
    own.release()


def test_nobody_judges_by_silence_before_he_was_seen_for_a_full_lease(empty: Database, tmp_path: Path) -> None:
    own = lease(empty, tmp_path, "own")
    elsewhere(empty, "other")
    age(empty, "other", LEASE_S + 1)

    own.beat()

    assert own.alive() == ({"other"}, [])
    own.release()


def test_after_an_outage_nobody_judges_by_silence_for_a_full_lease(empty: Database, tmp_path: Path) -> None:
    own = lease(empty, tmp_path, "own")
    steady(empty, own, "own")
    elsewhere(empty, "other")

    age(empty, "own", LEASE_S)
    age(empty, "other", LEASE_S + 1)
    own.beat()

    assert own.alive() == ({"other"}, [])
    own.release()


def test_who_was_buried_by_mistake_is_known_again_with_the_next_beat(empty: Database, tmp_path: Path) -> None:
    own, other = lease(empty, tmp_path, "own"), lease(empty, tmp_path, "other")
    own.bury("other")

    other.beat()

    living, _ = own.alive()
    assert living == {"other"}
    other.release()
    own.release()


def test_who_leaves_in_order_leaves_nothing(empty: Database, tmp_path: Path) -> None:
    lease(empty, tmp_path, "own").release()

    with empty.reading() as tx:
        assert executors.known(tx) == []
    assert list(tmp_path.iterdir()) == []
