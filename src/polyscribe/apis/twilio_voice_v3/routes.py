"""`/v3/Transcriptions`: parse, act, render."""

from __future__ import annotations

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyscribe.apis.twilio_voice_v3 import configurations, conversations, reading, translate
from polyscribe.apis.twilio_voice_v3.wire import (
    API_NAME,
    MAX_KEY_CHARS,
    RETRY_AFTER_S,
    TRANSCRIPTION,
    Asked,
    Json,
)
from polyscribe.domain.configuration import Configuration
from polyscribe.domain.errors import BadInput, NotFound
from polyscribe.domain.recording import Recording
from polyscribe.domain.transcription import FINAL, Status, Transcription, Wanted
from polyscribe.services import configurations as kept
from polyscribe.services import transcriptions
from polyscribe.services.access import Caller
from polyscribe.services.app import App, choose_engine
from polyscribe.services.transcriptions import Key
from polyscribe.web import answers, bodies, paging, twilio, twilio_upstream, urls

PATH = "/v3/Transcriptions"
FILTERS = ("createdAfter", "createdBefore", "languageCode", "sourceId", "status")
DEFAULT_PAGE, LARGEST_PAGE = 50, 100
JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


def application(app: App) -> FastAPI:
    """Every route of this API."""
    api = twilio.application("Twilio Voice v3", "3")

    @api.post(PATH, status_code=202, summary="Create a transcription", openapi_extra=JSON_BODY)
    def create(request: Request, body: Annotated[bytes, Depends(bodies.small)]) -> Response:
        return _create(app, request, body)

    @api.get(PATH, summary="List transcriptions, newest first")
    def page(request: Request) -> Response:
        return _page(app, request)

    @api.get(PATH + "/{transcription_id}", summary="Fetch a transcription")
    def fetch(request: Request, transcription_id: str) -> Response:
        found = _find(app, twilio.enter(app, request), transcription_id)
        conversation_id = conversations.ids_of(app, [found]).get(found.id)
        body = translate.envelope(found, urls.base(app.public_url, request), conversation_id)
        return JSONResponse(body, headers={} if found.status in FINAL else {"Retry-After": str(RETRY_AFTER_S)})

    @api.delete(PATH + "/{transcription_id}", status_code=204, summary="Delete a transcription and all that it made")
    def delete(request: Request, transcription_id: str) -> Response:
        transcriptions.delete(app, _find(app, twilio.enter(app, request), transcription_id))
        return answers.empty()

    configurations.add(api, app)
    conversations.add(api, app)
    answers.shape_errors(api, _shape)
    return api


def _create(app: App, request: Request, body: bytes) -> Response:
    caller = twilio.enter(app, request)
    key = _idempotency_key(request)
    owner = caller.account.id
    before = None if key is None else transcriptions.made_before(app, owner, API_NAME, key)
    if before is None:
        wanted = reading.asked(bodies.json_object(request.headers.get("content-type"), body))
        transcription = _transcription(app, caller, wanted)
        remembered = None if key is None else Key(key, hashlib.sha256(body).hexdigest())
        before = transcriptions.create(app, transcription, remembered).transcription
    answer = translate.accepted(before, urls.base(app.public_url, request))
    headers = {
        "Operation-Id": translate.id_of(before),
        "Location": answer["statusUrl"],
        "Retry-After": str(RETRY_AFTER_S),
    }
    return JSONResponse(answer, 202, headers if key is None else headers | {"Idempotency-Key": key})


def _transcription(app: App, caller: Caller, wanted: Asked) -> Transcription:
    """The rest of §11: what the request refers to has to exist and to fit."""
    configuration = _configuration(app, caller, wanted)
    settings = translate.snapshot(configuration)
    if settings["conversationConfigurationId"] is not None:
        reading.check_for_conversation(wanted)
    choose_engine(app, None, settings["language"])
    recording = None if wanted.recording_id is None else _recording(app, caller, wanted.recording_id)
    call = None if recording is None else twilio_upstream.call_of(app, recording)
    now = app.now()
    return Transcription(
        id=app.new_id(),
        account_id=caller.account.id,
        api=API_NAME,
        status=Status.WAITING,
        wanted=Wanted(language=settings["language"]),
        created_at=now,
        updated_at=now,
        url=wanted.url,
        recording_id=wanted.recording_id,
        configuration_id=configuration.id,
        participants=reading.completed(wanted.participants, settings["participantDefaults"], call),
        audio_started_at=wanted.audio_started_at if recording is None else recording.started_at,
        wire={"configurationId": wanted.configuration_spelling, "resolvedConfiguration": settings},
    )


def _configuration(app: App, caller: Caller, wanted: Asked) -> Configuration:
    try:
        if wanted.configuration_id is None:
            raise NotFound("The id stands for no configuration.")
        return kept.find(app, caller.account.id, API_NAME, wanted.configuration_id)
    except NotFound as error:
        message = f"There is no transcription configuration {wanted.configuration_spelling}."
        raise twilio.Rejected(422, 17530, message, "#/transcriptionConfigurationId") from error


def _recording(app: App, caller: Caller, recording_id: UUID) -> Recording:
    try:
        recording = twilio_upstream.find(app, caller.account.id, recording_id)
    except NotFound as error:
        message = f"There is no recording {twilio.sid('RE', recording_id)} in this account."
        raise twilio.Rejected(404, 20404, message, "#/sourceId") from error
    if (why_not := twilio_upstream.obstacle(recording)) is not None:
        raise twilio.Rejected(422, 17533, why_not, "#/sourceId")
    return recording


def _page(app: App, request: Request) -> Response:
    caller = twilio.enter(app, request)
    query = {name: value for name, value in request.query_params.items() if value}
    filters = {name: query.get(name) for name in FILTERS}
    conditions = reading.conditions({name: value for name, value in filters.items() if value is not None})
    pages = paging.Pages(
        app.sealer, {**filters, "list": PATH, "account": caller.account.id.hex}, LARGEST_PAGE, DEFAULT_PAGE
    )
    part = pages.asked(query)
    found = transcriptions.page(
        app, caller.account.id, API_NAME, conditions, part.at, part.size + 1, backwards=part.backwards
    )
    page = pages.page(found, part)
    base = urls.base(app.public_url, request)
    conversation_ids = conversations.ids_of(app, page.items)
    items = [translate.resource(each, base, conversation_ids.get(each.id)) for each in page.items]
    return JSONResponse({"transcriptions": items, "meta": page.meta("transcriptions")})


def _find(app: App, caller: Caller, spelling: str) -> Transcription:
    transcription_id = twilio.from_typeid(TRANSCRIPTION, spelling)
    if transcription_id is None:
        raise NotFound("The id stands for no transcription.")
    return transcriptions.find(app, caller.account.id, API_NAME, transcription_id)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_KEY_CHARS:
        raise BadInput(f"Idempotency-Key must have 1 to {MAX_KEY_CHARS} characters.", "Idempotency-Key")
    return key


def _shape(request: Request, error: Exception) -> Response:
    """Problems of RFC 9457 below /v3, the older errors below /v2."""
    path = request.url.path
    if not path.removeprefix(request.scope.get("root_path", "")).startswith("/v3"):
        return twilio.answer_legacy(request, error)
    body: Json = translate.problem(error, path)
    return JSONResponse(body, body["status"], twilio.headers_of(error))
