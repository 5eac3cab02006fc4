from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import homes
import sounds
from homes import Home
from polyscribe.services.app import Remote


@pytest.fixture(scope="module")
def move_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Home]]:
    upstream = Remote("https://upstream.example.test", f"AC{'9' * 32}", "upstream-token")
    with homes.house(tmp_path_factory.mktemp("house"), remotes={"twilio": upstream}) as made:
        yield made


@pytest.fixture
def at(move_in: Callable[[], Home]) -> Home:
    return move_in()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """One second of a tone, the same on two channels, at 8 kHz."""
    mono = sounds.tone(1, 8000)
    return sounds.write_wav(tmp_path / "call.wav", sounds.np.stack([mono, mono // 2], axis=1), 8000)
