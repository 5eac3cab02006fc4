"""`/v2/Conversations`: transcripts that were kept as conversations, read as participants and communications (§10)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyscribe.apis.twilio_voice_v3 import reading, spoken
from polyscribe.apis.twilio_voice_v3.wire import API_NAME, COMMUNICATION, CONVERSATION
from polyscribe.domain.errors import NotFound
from polyscribe.domain.transcription import Status, Transcription
from polyscribe.services import recordings, transcriptions
from polyscribe.services.app import App
from polyscribe.web import paging, twilio

PATH = "/v2/Conversations"
DEFAULT_PAGE, LARGEST_PAGE, LARGEST_PAGE_OF_COMMUNICATIONS = 50, 100, 1000


def add(api: FastAPI, app: App) -> None:
    """The routes."""

    @api.get(PATH, summary="List conversations, newest first")
    def page(request: Request) -> Response:
        return _page(app, request)

    @api.get(PATH + "/{conversation_id}", summary="Fetch a conversation")
    def fetch(request: Request, conversation_id: str) -> Response:
        return JSONResponse(spoken.conversation(_find(app, request, conversation_id)))

    @api.get(PATH + "/{conversation_id}/Participants", summary="List the participants of a conversation")
    def participants(request: Request, conversation_id: str) -> Response:
        found = spoken.participants(_find(app, request, conversation_id))
        meta = {"key": "participants", "pageSize": len(found), "nextToken": None, "previousToken": None}
        return JSONResponse({"participants": found, "meta": meta})

    @api.get(PATH + "/{conversation_id}/Participants/{participant_id}", summary="Fetch a participant")
    def participant(request: Request, conversation_id: str, participant_id: str) -> Response:
        for each in spoken.participants(_find(app, request, conversation_id)):
            if each["id"] == participant_id:
                return JSONResponse(each)
        raise NotFound("There is no such participant.")

    @api.get(PATH + "/{conversation_id}/Communications", summary="List what was said in a conversation")
    def communications(request: Request, conversation_id: str) -> Response:
        return _communications(app, request, conversation_id)

    @api.get(PATH + "/{conversation_id}/Communications/{communication_id}", summary="Fetch one thing that was said")
    def communication(request: Request, conversation_id: str, communication_id: str) -> Response:
        found = _find(app, request, conversation_id)
        wanted = twilio.from_typeid(COMMUNICATION, communication_id)
        number = None if wanted is None else spoken.number_of(found.conversation.id, wanted)
        segments = [] if number is None else transcriptions.segments(app, found.transcription.id, number, 1)
        if number is None or not segments:
            raise NotFound("There is no such communication.")
        return JSONResponse(spoken.communication(found, number, segments[0]))


def ids_of(app: App, found: Sequence[Transcription]) -> dict[UUID, str]:
    """Spelled ids of the conversations that these transcriptions were kept as."""
    kept = [
        each.id
        for each in found
        if each.status is Status.DONE and each.wire["resolvedConfiguration"]["conversationConfigurationId"]
    ]
    ids = transcriptions.conversation_ids(app, kept) if kept else {}
    return {transcription_id: twilio.typeid(CONVERSATION, own) for transcription_id, own in ids.items()}


def _page(app: App, request: Request) -> Response:
    owner = twilio.enter(app, request).account.id
    statuses, channel_id = request.query_params.getlist("status"), request.query_params.get("channelId")
    is_about_us = reading.is_about_closed(statuses)
    source = None if channel_id is None else twilio.from_sid("RE", channel_id) or twilio.from_sid("CA", channel_id)
    if channel_id is not None and source is None:
        is_about_us = False
    filters = {"list": PATH, "account": owner.hex, "status": ",".join(sorted(statuses)), "channelId": channel_id}
    pages = paging.Pages(app.sealer, filters, LARGEST_PAGE, DEFAULT_PAGE)
    part = pages.asked(request.query_params)
    found = (
        transcriptions.conversation_page(app, owner, part.at, part.size + 1, source_id=source, backwards=part.backwards)
        if is_about_us
        else []
    )
    page = pages.page(found, part)
    return JSONResponse(
        {"conversations": [spoken.summary(each) for each in page.items], "meta": page.meta("conversations")}
    )


def _communications(app: App, request: Request, conversation_id: str) -> Response:
    found = _find(app, request, conversation_id)
    channel_id = request.query_params.get("channelId")
    size = paging.size(paging.first(request.query_params, "pageSize"), DEFAULT_PAGE, LARGEST_PAGE_OF_COMMUNICATIONS)
    given = paging.first(request.query_params, "pageToken")
    filters = {"list": conversation_id, "channelId": channel_id}
    start = 0 if given is None else int(paging.position(app.sealer, filters, given)[0])
    is_ours = channel_id in (None, found.channel_id)
    segments = transcriptions.segments(app, found.transcription.id, start, size + 1) if is_ours else []
    items = [spoken.communication(found, start + index, each) for index, each in enumerate(segments[:size])]
    meta = {
        "key": "communications",
        "pageSize": len(items),
        "nextToken": paging.token(app.sealer, filters, (start + size,)) if len(segments) > size else None,
        "previousToken": paging.token(app.sealer, filters, (max(start - size, 0),)) if start else None,
    }
    return JSONResponse({"communications": items, "meta": meta})


def _find(app: App, request: Request, spelling: str) -> spoken.Spoken:
    owner = twilio.enter(app, request).account.id
    conversation_id = twilio.from_typeid(CONVERSATION, spelling)
    if conversation_id is None:
        raise NotFound("The id stands for no conversation.")
    conversation = transcriptions.conversation(app, owner, conversation_id)
    transcription = transcriptions.find(app, owner, API_NAME, conversation.transcription_id)
    call_id = None
    if transcription.recording_id is not None:
        call_id = recordings.find(app, owner, transcription.recording_id, deleted=True).call_id
    return spoken.Spoken(conversation, transcription, call_id)
