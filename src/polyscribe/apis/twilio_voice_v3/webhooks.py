"""The status callback: what is told when a transcription ends, and how it is signed (§9)."""

from __future__ import annotations

import json

from polyscribe.apis.twilio_voice_v3 import translate
from polyscribe.apis.twilio_voice_v3.wire import API_NAME, LEAST_WORD_BYTES, LIMITS, MAX_CALLBACK_BYTES
from polyscribe.domain.delivery import Delivery, Notice
from polyscribe.domain.transcript import Transcript
from polyscribe.domain.transcription import Status, Transcription
from polyscribe.services.access import TWILIO_TOKEN
from polyscribe.services.app import Face
from polyscribe.telemetry import emit
from polyscribe.web import twilio


def notices(transcription: Transcription, transcript: Transcript | None) -> list[Notice]:
    """One POST to the configured address, unless there is none, or the body is larger than Twilio sends (17564)."""
    callback = transcription.wire["resolvedConfiguration"]["transcriptionStatusCallback"]
    if callback is None or (callback["events"] is not None and transcription.status is not Status.DONE):
        return []
    if _is_far_too_large(transcript):
        return _skipped(transcription)
    text = json.dumps(translate.callback(transcription, transcript), ensure_ascii=False, separators=(",", ":"))
    body = text.encode()
    if len(body) > MAX_CALLBACK_BYTES:
        return _skipped(transcription)
    return [Notice("ended", "POST", callback["url"], "application/json", body)]


def _is_far_too_large(transcript: Transcript | None) -> bool:
    """Whether the body would be too large for its words alone; that of an eight-hour call is not even built."""
    words = sum(len(segment.words) for segment in transcript.segments) if transcript else 0
    return words * LEAST_WORD_BYTES > MAX_CALLBACK_BYTES


def _skipped(transcription: Transcription) -> list[Notice]:
    emit("callback_skipped", transcription=str(transcription.id), code=17564)
    return []


def sign(delivery: Delivery, secret: str | None) -> tuple[str, dict[str, str]]:
    """Address and headers of one request of a delivery."""
    return twilio.signed_json(delivery.url, delivery.body, secret)


def conversation(transcription: Transcription) -> dict[str, object] | None:
    """What is kept of a finished transcription when its configuration names a conversation configuration (§10)."""
    settings = transcription.wire["resolvedConfiguration"]
    if settings["conversationConfigurationId"] is None:
        return None
    return {"configurationId": settings["conversationConfigurationId"]}


FACE = Face(
    name=API_NAME,
    limits=LIMITS,
    schedule=twilio.SCHEDULE,
    notices=notices,
    sign=sign,
    signing_kind=TWILIO_TOKEN,
    allow_http=True,
    conversation=conversation,
)
