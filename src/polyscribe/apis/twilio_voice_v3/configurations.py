"""`/v2/Configurations`: the named sets of wishes without which no transcription can be created (§3)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyscribe.apis.twilio_voice_v3 import reading, translate
from polyscribe.apis.twilio_voice_v3.wire import API_NAME, CONFIGURATION
from polyscribe.domain.configuration import Configuration
from polyscribe.domain.errors import BadInput, NotFound
from polyscribe.services import configurations
from polyscribe.services.app import App
from polyscribe.web import answers, bodies, paging, twilio

PATH = "/v2/Configurations/Transcription"
DEFAULTS = f"{API_NAME}/default"
"""Under this name the choice of a default configuration is kept, as a configuration itself."""
KIND = "Transcription"
DEFAULT_PAGE, LARGEST_PAGE = 50, 100
JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


def add(api: FastAPI, app: App) -> None:
    """The routes, `Default` before the names."""

    @api.post(PATH, status_code=201, summary="Create a configuration", openapi_extra=JSON_BODY)
    def create(request: Request, body: Annotated[bytes, Depends(bodies.small)]) -> Response:
        owner = _owner(app, request)
        unique_name, kept = _read(request, body)
        return _answer(configurations.create(app, owner, API_NAME, unique_name, kept), 201)

    @api.get(PATH, summary="List configurations")
    def page(request: Request) -> Response:
        return _page(app, request)

    @api.get(PATH + "/Default", summary="Fetch the default configuration")
    def default(request: Request) -> Response:
        return _answer(_default(app, _owner(app, request)))

    @api.post(PATH + "/Default", status_code=204, summary="Choose the default configuration", openapi_extra=JSON_BODY)
    def choose(request: Request, body: Annotated[bytes, Depends(bodies.small)]) -> Response:
        owner = _owner(app, request)
        given = bodies.json_object(request.headers.get("content-type"), body).get("configuration_id")
        if not isinstance(given, str):
            raise BadInput("configuration_id is required.", "configuration_id")
        _choose(app, owner, _find(app, owner, given))
        return answers.empty()

    @api.get(PATH + "/{key}", summary="Fetch a configuration by id or unique name")
    def fetch(request: Request, key: str) -> Response:
        return _answer(_find(app, _owner(app, request), key))

    @api.put(PATH + "/{key}", summary="Replace a configuration", openapi_extra=JSON_BODY)
    def replace(request: Request, key: str, body: Annotated[bytes, Depends(bodies.small)]) -> Response:
        owner = _owner(app, request)
        found = _find(app, owner, key)
        unique_name, kept = _read(request, body)
        return _answer(configurations.replace(app, owner, API_NAME, found.id, unique_name, kept))

    @api.delete(PATH + "/{key}", status_code=204, summary="Delete a configuration")
    def delete(request: Request, key: str) -> Response:
        owner = _owner(app, request)
        configurations.delete(app, owner, API_NAME, _find(app, owner, key).id)
        return answers.empty()


def _owner(app: App, request: Request) -> UUID:
    return twilio.enter(app, request).account.id


def _read(request: Request, body: bytes) -> tuple[str | None, dict[str, Any]]:
    return reading.configuration(bodies.json_object(request.headers.get("content-type"), body))


def _find(app: App, owner: UUID, key: str) -> Configuration:
    return configurations.find(app, owner, API_NAME, twilio.from_typeid(CONFIGURATION, key) or key)


def _page(app: App, request: Request) -> Response:
    owner = _owner(app, request)
    pages = paging.Pages(app.sealer, {"list": PATH, "account": owner.hex}, LARGEST_PAGE, DEFAULT_PAGE)
    part = pages.asked(request.query_params)
    found = configurations.page(app, owner, API_NAME, part.at, part.size + 1, backwards=part.backwards)
    page = pages.page(found, part)
    meta = {
        "list_key": "content",
        "previous_token": page.previous_token,
        "next_token": page.next_token,
        "direct_token": None,
        "page_size": len(page.items),
    }
    return JSONResponse({"content": [translate.configuration(each) for each in page.items], "meta": meta})


def _default(app: App, owner: UUID) -> Configuration:
    chosen = configurations.find(app, owner, DEFAULTS, KIND)
    return configurations.find(app, owner, API_NAME, UUID(chosen.wire["id"]))


def _choose(app: App, owner: UUID, chosen: Configuration) -> None:
    wire = {"id": str(chosen.id)}
    try:
        configurations.replace(app, owner, DEFAULTS, KIND, KIND, wire)
    except NotFound:
        configurations.create(app, owner, DEFAULTS, KIND, wire)


def _answer(found: Configuration, status: int = 200) -> Response:
    return JSONResponse(translate.configuration(found), status)
