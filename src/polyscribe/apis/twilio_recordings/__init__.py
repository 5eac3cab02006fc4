"""The recordings and calls of Twilio's API of 2010, as far as clients of transcriptions look them up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyscribe.web.api import Api

if TYPE_CHECKING:
    from fastapi import FastAPI

    from polyscribe.services.app import App


def make(app: App) -> FastAPI:
    """The application of this API."""
    from polyscribe.apis.twilio_recordings.routes import application

    return application(app)


API = Api(
    name="twilio_recordings",
    title="Twilio API 2010-04-01: Recordings",
    prefixes=("/2010-04-01",),
    make=make,
)
