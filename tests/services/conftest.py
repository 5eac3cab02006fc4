from collections.abc import Iterator
from pathlib import Path

import pytest

from faces import face
from polyscribe import testing
from polyscribe.services.app import App


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = testing.app(tmp_path, {"plain": face()})
    yield made
    made.database.close()
