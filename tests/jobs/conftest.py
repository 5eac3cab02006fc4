"""A migrated database of each kind, shared by the tests of a module: keys and tenants must not be reused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from databases import KINDS, fresh
from polyscribe.jobs import engine
from polyscribe.storage.database import Database, upgrade


@pytest.fixture(scope="module", params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with fresh(request.param, tmp_path_factory.mktemp("database")) as url:
        database = Database(url)
        upgrade(database)
        engine.upgrade(database)
        yield database
        database.close()
