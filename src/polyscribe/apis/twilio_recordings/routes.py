"""`/2010-04-01/Accounts/{sid}/Recordings` and `/Calls`: parse, act, render."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyscribe.apis.twilio_recordings import translate
from polyscribe.apis.twilio_recordings.wire import ACCOUNT, DEFAULT_PAGE, LARGEST_PAGE, MAX_BYTES, MEDIA_TYPES, Json
from polyscribe.domain.errors import BadInput, NotFound
from polyscribe.domain.recording import Recording
from polyscribe.services import media, recordings, renditions
from polyscribe.services.app import App
from polyscribe.web import answers, paging, twilio, twilio_upstream, urls

PAGING = ("PageSize", "Page", "PageToken")


def application(app: App) -> FastAPI:
    """Every route of this API."""
    api = twilio.application("Twilio API", "2010-04-01")

    @api.get(ACCOUNT + "/Recordings.json", summary="List recordings, newest first")
    def page(request: Request, account: str) -> Response:
        return _page(app, request, account)

    @api.get(ACCOUNT + "/Recordings/{recording}.json", summary="Fetch a recording")
    def fetch(request: Request, account: str, recording: str) -> Response:
        found = _find(app, _owner(app, request, account), recording, request.query_params.get("IncludeSoftDeleted"))
        return JSONResponse(translate.recording(found, urls.base(app.public_url, request)))

    @api.delete(ACCOUNT + "/Recordings/{recording}.json", status_code=204, summary="Delete a recording")
    def delete(request: Request, account: str, recording: str) -> Response:
        recordings.delete(app, _owner(app, request, account), _id("RE", recording))
        return answers.empty()

    @api.head(ACCOUNT + "/Recordings/{recording}", include_in_schema=False)
    @api.get(ACCOUNT + "/Recordings/{recording}", summary="The sound itself: no extension, .wav, .mp3")
    def sound(request: Request, account: str, recording: str) -> Response:
        return _media(app, request, account, recording)

    @api.get(ACCOUNT + "/Calls/{call}.json", summary="Fetch the call that a recording came from")
    def call(request: Request, account: str, call: str) -> Response:
        owner = _owner(app, request, account)
        return JSONResponse(translate.call(recordings.find_call(app, owner, _id("CA", call))))

    answers.shape_errors(api, twilio.answer_legacy)
    return api


def _owner(app: App, request: Request, account: str) -> UUID:
    """Whose things the path is about. Raises NotAuthenticated; NotFound for another account than the caller's."""
    caller = twilio.enter(app, request)
    if account.lower() != twilio.account_sid(caller).lower():
        raise NotFound("There is no such account.")
    return caller.account.id


def _find(app: App, owner: UUID, recording: str, include_deleted: str | None) -> Recording:
    recording_id = _id("RE", recording)
    if (include_deleted or "").lower() == "true":
        try:
            return recordings.find(app, owner, recording_id, deleted=True)
        except NotFound:
            pass
    return twilio_upstream.find(app, owner, recording_id)


def _media(app: App, request: Request, account: str, name: str) -> Response:
    owner = _owner(app, request, account)
    sid, _, extension = name.partition(".")
    wanted = request.query_params.get("RequestedChannels")
    if extension.lower() not in MEDIA_TYPES:
        raise NotFound("Recordings are served as .wav and .mp3.")
    if wanted not in (None, "", "1", "2"):
        raise BadInput("RequestedChannels must be 1 or 2.", "RequestedChannels")
    found = _find(app, owner, sid, None)
    if twilio_upstream.obstacle(found) is not None and found.blob_key is None:
        raise NotFound("The upstream does not give the sound of this recording.")
    found = media.at_home(app, found, MAX_BYTES)
    channels = int(wanted) if wanted else None
    form = renditions.rendition(app, found, MEDIA_TYPES[extension.lower()], channels)
    etag = f"{found.sha256[:32]}-{extension or 'wav'}{form.channels}"
    return answers.media(
        request, lambda start, stop: recordings.media(app, form, start, stop), form.size_bytes, form.media_type, etag
    )


def _page(app: App, request: Request, account: str) -> Response:
    owner = _owner(app, request, account)
    query = {name: value for name, value in request.query_params.items() if value}
    number = _number(query)
    filters = {name: value for name, value in query.items() if name not in PAGING}
    own = {**filters, "list": "recordings", "account": owner.hex}
    pages = paging.Pages(app.sealer, own, LARGEST_PAGE, DEFAULT_PAGE)
    part = pages.asked(query)
    conditions = translate.conditions(query)
    found: list[Recording] = []
    if conditions is not None:
        found = recordings.page(app, owner, part.at, part.size + 1, backwards=part.backwards, **conditions)
    page = pages.page(found, part)
    base = urls.base(app.public_url, request)
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))

    def uri(number: int, token: str | None = None) -> str:
        where = {"PageSize": str(part.size), "Page": str(number)} | ({} if token is None else {"PageToken": token})
        return f"{path}?{urlencode(filters | where)}"

    start = number * part.size
    body: Json = {
        "recordings": [translate.recording(each, base) for each in page.items],
        "page": number,
        "page_size": part.size,
        "start": start,
        "end": start + max(len(page.items) - 1, 0),
        "uri": uri(number, query.get("PageToken")),
        "first_page_uri": uri(0),
        "next_page_uri": None if page.next_token is None else uri(number + 1, page.next_token),
        "previous_page_uri": None if page.previous_token is None else uri(max(number - 1, 0), page.previous_token),
    }
    return JSONResponse(body)


def _number(query: Json) -> int:
    """The number of the page, which only the addresses of pages carry on: what is on it, its token says."""
    text = query.get("Page", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadInput("Page must be a whole number from 0.", "Page")
    if int(text) > 0 and "PageToken" not in query:
        raise BadInput("Pages after the first are asked for with the PageToken of next_page_uri.", "Page")
    return int(text)


def _id(prefix: str, spelling: str) -> UUID:
    found = twilio.from_sid(prefix, spelling)
    if found is None:
        raise NotFound(f"This is no {prefix} SID.")
    return found
