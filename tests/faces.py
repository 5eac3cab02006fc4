"""An API as the services see one, with nothing of the wire: for tests of the services."""

from __future__ import annotations

import json
from dataclasses import replace

from polyscribe.delivery.schedule import Schedule, worth_retrying
from polyscribe.domain.delivery import Delivery, Notice
from polyscribe.domain.transcript import Transcript
from polyscribe.domain.transcription import Limits, Transcription
from polyscribe.services.app import Face

LIMITS = Limits(max_bytes=10_000_000, max_ms=600_000)


def notices(transcription: Transcription, transcript: Transcript | None) -> list[Notice]:
    url = transcription.wire.get("callback")
    if url is None:
        return []
    body = {"id": str(transcription.id), "status": transcription.status, "text": transcript and transcript.text}
    return [Notice("ended", "POST", url, "application/json", json.dumps(body).encode())]


def sign(delivery: Delivery, secret: str | None) -> tuple[str, dict[str, str]]:
    return delivery.url, {"Content-Type": delivery.media_type, "X-Signed-With": str(secret)}


def conversation(transcription: Transcription) -> dict[str, object] | None:
    return {"kept": True} if transcription.wire.get("keep") else None


def face(**changes: object) -> Face:
    plain = Face(
        name="plain",
        limits=LIMITS,
        schedule=Schedule((5.0, 30.0), worth_retrying),
        notices=notices,
        sign=sign,
        signing_kind="twilio_auth_token",
        conversation=conversation,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
