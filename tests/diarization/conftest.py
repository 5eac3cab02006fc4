"""Two people talking, put together from the voices of the wheel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from polyscribe import diarization
from polyscribe.ports import SAMPLE_RATE_HZ, Diarizer, Samples
from voices import Memory, spoken


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def diarizer(models_dir: Path) -> Diarizer:
    return diarization.load(models_dir)


@pytest.fixture(scope="session")
def reader() -> Samples:
    """Twelve seconds of one man reading, without a pause at either end."""
    return spoken("two_cities.wav", 13.5, 25.5)


@pytest.fixture(scope="session")
def actor() -> Samples:
    """Nine seconds of another man, acting."""
    return spoken("endgame_nagg_nell.wav", 17.7, 26.7)


@pytest.fixture(scope="session")
def dialogue(reader: Samples, actor: Samples) -> Memory:
    """Reader 0-6 s, actor 6.5-11 s, reader 11.5-17.5 s, actor 18-22.5 s."""
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    half, quarter = 6 * SAMPLE_RATE_HZ, 9 * SAMPLE_RATE_HZ // 2
    return Memory(
        np.concatenate(
            [reader[:half], pause, actor[:quarter], pause, reader[half : 2 * half], pause, actor[quarter : 2 * quarter]]
        )
    )


@pytest.fixture(scope="session")
def silence() -> Memory:
    return Memory(np.zeros(12 * SAMPLE_RATE_HZ, np.float32))
