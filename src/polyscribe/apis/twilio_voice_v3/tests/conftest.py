from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from homes import Home, house
from polyscribe.apis.twilio_voice_v3.tests.steps import CONFIGURATIONS, CONVERSATION_CONFIGURATION, example

Configure = Callable[..., str]


@pytest.fixture(scope="module")
def move_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Home]]:
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture
def at(move_in: Callable[[], Home]) -> Home:
    return move_in()


@pytest.fixture
def configure(at: Home) -> Configure:
    """Make a configuration without a conversation; settings are replaced as named. Gives its id."""

    def made(**settings: Any) -> str:
        recorded = example("configuration_request")["configuration"] | {"conversationConfigurationId": None}
        answer = at.client.post(CONFIGURATIONS, json={"configuration": recorded | settings})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return made


@pytest.fixture
def configuration(configure: Configure) -> str:
    return configure()


@pytest.fixture
def stored(configure: Configure) -> str:
    """A configuration whose transcripts are kept as conversations."""
    return configure(conversationConfigurationId=CONVERSATION_CONFIGURATION)
