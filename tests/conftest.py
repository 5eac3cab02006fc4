"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import fresh


@pytest.fixture
def postgresql_url(tmp_path: Path) -> Iterator[str]:
    """An empty PostgreSQL database; the test is skipped without a server."""
    with fresh("postgresql", tmp_path) as url:
        yield url
