from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homes import Home, home

EXAMPLES = Path(__file__).parent / "examples"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path) as made:
        yield made


@pytest.fixture
def settings() -> dict[str, Any]:
    """A configuration as the SDK writes it, recorded."""
    found: dict[str, Any] = json.loads((EXAMPLES / "configuration_request.json").read_text())
    return found


@pytest.fixture
def configuration(at: Home, settings: dict[str, Any]) -> str:
    del settings["configuration"]["conversationConfigurationId"]
    return str(at.client.post("/v2/Configurations/Transcription", json=settings).json()["id"])
