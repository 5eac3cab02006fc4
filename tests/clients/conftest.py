"""The servers that client libraries talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from running import Running, faked, real


@pytest.fixture(scope="module", params=["faked", pytest.param("real", marks=pytest.mark.real)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    start = {"faked": faked, "real": real}[request.param]
    with start(tmp_path_factory.mktemp(request.param)) as running:
        yield running
