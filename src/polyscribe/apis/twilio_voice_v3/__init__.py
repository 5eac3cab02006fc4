"""Twilio Voice v3 Batch Transcription, with the configurations and the stored conversations that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyscribe.apis.twilio_voice_v3.webhooks import FACE
from polyscribe.apis.twilio_voice_v3.wire import API_NAME, STRICT_LIMITS
from polyscribe.web.api import Api

if TYPE_CHECKING:
    from fastapi import FastAPI

    from polyscribe.services.app import App


def make(app: App) -> FastAPI:
    """The application of this API."""
    from polyscribe.apis.twilio_voice_v3.routes import application

    return application(app)


API = Api(
    name=API_NAME,
    title="Twilio Voice v3: Batch Transcription",
    prefixes=("/v3/Transcriptions", "/v2/Configurations", "/v2/Conversations", "/v2/ControlPlane"),
    make=make,
    face=FACE,
    strict_limits=STRICT_LIMITS,
)
