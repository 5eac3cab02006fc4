"""What the tests of this API do again and again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from homes import Home
from polyscribe.domain.transcription import Transcription
from polyscribe.services import transcriptions
from polyscribe.web import twilio

EXAMPLES = Path(__file__).parent / "examples"
URL = "https://media.example.test/call.wav"
CONFIGURATIONS = "/v2/Configurations/Transcription"
TRANSCRIPTIONS = "/v3/Transcriptions"
CONVERSATION_CONFIGURATION = "conv_configuration_01k1etx3jbfx88476ccja0889c"
PARTICIPANTS = [
    {"audioChannelIndex": 1, "type": "CUSTOMER", "address": "+15550100001", "name": "Jane"},
    {"audioChannelIndex": 2, "type": "HUMAN_AGENT", "address": "+15550100002", "name": "Sam"},
]


def example(name: str) -> Any:
    """A golden example of the wire."""
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def wanted(configuration: str, **fields: Any) -> dict[str, Any]:
    """A create request by address; fields are replaced as named, None leaves one out."""
    body = {"transcriptionConfigurationId": configuration, "mediaUrl": URL, "participants": PARTICIPANTS} | fields
    return {name: value for name, value in body.items() if value is not None}


def create(at: Home, configuration: str, **fields: Any) -> Transcription:
    """Create, and what is stored of it."""
    answer = at.client.post(TRANSCRIPTIONS, json=wanted(configuration, **fields))
    assert answer.status_code == 202, answer.text
    return find(at, answer.json()["transcription"]["id"])


def find(at: Home, spelling: str) -> Transcription:
    transcription_id = twilio.from_typeid("voice_transcription", spelling)
    assert transcription_id is not None
    return transcriptions.find(at.app, at.account.id, "twilio_voice_v3", transcription_id)
