"""What clients write, as values of ours; every rule of §3, §4 and §11 that needs no database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from polyscribe.apis.twilio_voice_v3.translate import STATUS_OF
from polyscribe.apis.twilio_voice_v3.wire import (
    CONFIGURATION,
    CONFIGURATION_ID,
    CONVERSATION_CONFIGURATION_ID,
    CONVERSATION_STATUSES,
    ENGINES,
    LANGUAGES,
    MAX_NAME_CHARS,
    MULTILINGUAL,
    PARTICIPANT_FIELDS,
    RECORDING_SID,
    REQUEST_FIELDS,
    ROLES,
    SOURCES,
    Asked,
    Json,
)
from polyscribe.domain.errors import BadInput
from polyscribe.domain.recording import Call, Direction
from polyscribe.domain.transcription import Participant
from polyscribe.services.transcriptions import Filter
from polyscribe.web.twilio import Rejected, from_sid, from_typeid, read_instant

CHANNELS = (1, 2)


def asked(body: Json) -> Asked:
    """A create request.

    Raises:
        Rejected, BadInput: the first rule that it breaks, in the order of §11.
    """
    given = {name: value for name, value in body.items() if value is not None}
    participants = _participants_given(given)
    _only_known(given, participants)
    spelling = _configuration_spelling(given.get("transcriptionConfigurationId"))
    url, recording_id = _source(given)
    started = given.get("audioStartedAt")
    if started is not None and not isinstance(started, str):
        raise _bad("audioStartedAt must be a date-time.", "/audioStartedAt")
    return Asked(
        configuration_id=from_typeid(CONFIGURATION, spelling),
        configuration_spelling=spelling,
        url=url,
        recording_id=recording_id,
        audio_started_at=None if started is None else read_instant(started, "audioStartedAt"),
        participants=_participants(participants, has_recording=recording_id is not None),
    )


def check_for_conversation(wanted: Asked) -> None:
    """A transcript that is kept as a conversation needs to know who spoke, unless the recording tells (§4).

    Raises:
        Rejected: not exactly two participants, or one without an address.
    """
    if wanted.recording_id is not None:
        return
    participants = wanted.participants or ()
    if len(participants) != len(CHANNELS):
        message = "Exactly two participants are needed when the transcript is stored as a conversation."
        raise Rejected(400, 17510, message, "#/participants")
    for index, participant in enumerate(participants):
        if not participant.address:
            message = "Each participant needs an address when the transcript is stored as a conversation."
            raise Rejected(400, 17517, message, f"#/participants/{index}/address")


def completed(
    given: Sequence[Participant] | None, defaults: Sequence[Mapping[str, Any]], call: Call | None
) -> tuple[Participant, ...]:
    """Who is on each channel: what was given wins, then the call, then the configuration's defaults."""
    of_channel = {each.channel: each for each in given or ()}
    found = []
    for default in sorted(defaults, key=lambda each: int(each["audioChannelIndex"])):
        channel = int(default["audioChannelIndex"]) - 1
        own = of_channel.get(channel, Participant(channel))
        address = own.address or (None if call is None else _address(call, channel))
        found.append(Participant(channel, own.role or str(default["type"]), address, own.name))
    return tuple(found)


def configuration(body: Json) -> tuple[str | None, Json]:
    """Unique name, and what is kept of a configuration: its description and its settings, complete.

    Raises:
        BadInput: naming the field.
    """
    settings = body.get("configuration")
    if not isinstance(settings, dict):
        raise BadInput("configuration is required and must be an object.", "configuration")
    if settings.get("configurationType") != "Transcription":
        raise BadInput("configuration.configurationType must be 'Transcription'.", "configuration.configurationType")
    engine = _one_of(settings, "transcriptionEngine", ENGINES)
    language = _one_of(settings, "language", LANGUAGES)
    if language == MULTILINGUAL and engine != "deepgram":
        raise BadInput("configuration.language 'multi' needs the engine 'deepgram'.", "configuration.language")
    model = _optional_text(settings, "speechModel", "configuration.speechModel")
    callback = _callback(settings.get("transcriptionStatusCallback"))
    conversation = _conversation_configuration(settings)
    if callback is None and conversation is None:
        raise BadInput(
            "configuration needs a transcriptionStatusCallback or a conversationConfigurationId.", "configuration"
        )
    kept = {
        "configurationType": "Transcription",
        "transcriptionEngine": engine,
        "speechModel": "twilio_managed" if engine == "twilio_managed" else model,
        "language": language,
        "transcriptionStatusCallback": callback,
        "conversationConfigurationId": conversation,
        "participantDefaults": _defaults(settings.get("participantDefaults")),
    }
    return _unique_name(body), {"description": _optional_text(body, "description", "description"), "settings": kept}


def conditions(query: Mapping[str, str]) -> Filter:
    """The filters of a list of transcriptions (§6).

    Raises:
        BadInput: a value that no transcription can have.
    """
    source, status = query.get("sourceId"), query.get("status")
    if source is not None and not RECORDING_SID.fullmatch(source):
        raise BadInput("sourceId must be a Recording SID.", "sourceId")
    if status is not None and status not in STATUS_OF:
        raise BadInput(f"status must be one of {', '.join(STATUS_OF)}.", "status")
    return Filter(
        created_from=None if "createdAfter" not in query else read_instant(query["createdAfter"], "createdAfter"),
        created_until=None if "createdBefore" not in query else read_instant(query["createdBefore"], "createdBefore"),
        language=query.get("languageCode"),
        recording_id=None if source is None else from_sid("RE", source),
        status=None if status is None else STATUS_OF[status],
    )


def is_about_closed(statuses: Sequence[str]) -> bool:
    """Whether a list with these status filters can hold stored transcripts, which are all closed.

    Raises:
        BadInput: no such status.
    """
    if unknown := set(statuses) - CONVERSATION_STATUSES:
        raise BadInput(f"status {sorted(unknown)[0]!r} does not exist.", "status")
    return not statuses or "CLOSED" in statuses


def _only_known(given: Json, participants: Sequence[Json]) -> None:
    known = REQUEST_FIELDS - {"audioStartedAt"} if "sourceId" in given else REQUEST_FIELDS
    for name in given:
        if name not in known:
            raise _bad(f"The property {name[:60]!r} is not allowed here.", f"/{_pointer(name)}")
    for index, participant in enumerate(participants):
        for name in participant:
            if name not in PARTICIPANT_FIELDS:
                raise _bad(f"The property {name[:60]!r} is unknown.", f"/participants/{index}/{_pointer(name)}")


def _configuration_spelling(given: Any) -> str:
    if not isinstance(given, str) or not CONFIGURATION_ID.fullmatch(given):
        message = "transcriptionConfigurationId must be the id of a transcription configuration."
        raise Rejected(400, 17501, message, "#/transcriptionConfigurationId")
    return given


def _source(given: Json) -> tuple[str | None, UUID | None]:
    url, recording, named = given.get("mediaUrl"), given.get("sourceId"), given.get("inputSource")
    if url is None and recording is None:
        raise Rejected(400, 17500, "One of sourceId and mediaUrl is required.")
    if url is not None and recording is not None:
        raise _bad("Only one of sourceId and mediaUrl may be given.", "/sourceId")
    if named is not None and not _is_one_of(named, SOURCES):
        raise _bad("inputSource must be SOURCE_ID or MEDIA_URL.", "/inputSource")
    if named is not None and named != ("MEDIA_URL" if recording is None else "SOURCE_ID"):
        raise _bad("inputSource does not agree with the source that is given.", "/inputSource")
    if recording is not None:
        if not isinstance(recording, str) or not RECORDING_SID.fullmatch(recording):
            raise Rejected(400, 17502, "sourceId must be a Recording SID.", "#/sourceId")
        return None, from_sid("RE", recording)
    if not is_web_address(url):
        raise _bad("mediaUrl must be an http or https URL.", "/mediaUrl")
    return str(url), None


def is_web_address(url: Any) -> bool:
    """Whether it could be opened at all. Host names are ASCII (punycode), as in every URI."""
    if not isinstance(url, str) or len(url) > 8000 or any(each <= " " for each in url):
        return False
    try:
        parts = urlsplit(url)
        is_host = bool(parts.hostname) and parts.netloc.isascii() and parts.port != 0
        return parts.scheme in {"http", "https"} and is_host
    except ValueError:
        return False


def _participants_given(given: Json) -> list[Json]:
    found = given.get("participants", [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _bad("participants must be an array of objects.", "/participants")
    return [{name: value for name, value in each.items() if value is not None} for each in found]


def _participants(given: Sequence[Json], *, has_recording: bool) -> tuple[Participant, ...]:
    for index, each in enumerate(given):
        if not _is_channel(each.get("audioChannelIndex")):
            message = "audioChannelIndex must be 1 or 2."
            raise Rejected(400, 17511, message, f"#/participants/{index}/audioChannelIndex")
    for index, each in enumerate(given):
        if not _is_one_of(each.get("type", "CUSTOMER"), ROLES):
            message = f"type must be one of {', '.join(sorted(ROLES))}."
            raise Rejected(400, 17514, message, f"#/participants/{index}/type")
        for name in ("address", "name"):
            if not isinstance(each.get(name, ""), str) or len(each.get(name, "")) > MAX_NAME_CHARS:
                raise _bad(f"{name} must be a string of at most 255 characters.", f"/participants/{index}/{name}")
    if len(given) > 2 or (has_recording and len(given) == 1):
        expected = "none or exactly two" if has_recording else "at most two"
        raise Rejected(400, 17510, f"There must be {expected} participants.", "#/participants")
    if len({each["audioChannelIndex"] for each in given}) < len(given):
        message = "Two participants cannot be on one channel."
        raise Rejected(400, 17513, message, f"#/participants/{len(given) - 1}/audioChannelIndex")
    return tuple(
        Participant(each["audioChannelIndex"] - 1, each.get("type"), each.get("address"), each.get("name"))
        for each in given
    )


def _is_channel(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in CHANNELS


def _address(call: Call, channel: int) -> str | None:
    """§C: channel 1 is the first leg: who called in, or who was called out to."""
    legs = (call.from_address, call.to_address)
    return legs[channel] if call.direction is Direction.INBOUND else legs[1 - channel]


def _unique_name(body: Json) -> str | None:
    name = _optional_text(body, "unique_name", "unique_name")
    if name is None:
        return None
    if not name or "/" in name or name == "Default" or CONFIGURATION_ID.fullmatch(name):
        raise BadInput("unique_name must not be empty, contain '/', or look like an id.", "unique_name")
    return name


def _callback(given: Any) -> Json | None:
    if given is None:
        return None
    path = "configuration.transcriptionStatusCallback"
    if not isinstance(given, dict) or not is_web_address(given.get("url")):
        raise BadInput(f"{path}.url must be an http or https URL.", f"{path}.url")
    if (given.get("method") or "POST") != "POST":
        raise BadInput(f"{path}.method must be POST.", f"{path}.method")
    events = given.get("events")
    if events not in (None, ["COMPLETED"]):
        raise BadInput(f"{path}.events must be absent or ['COMPLETED'].", f"{path}.events")
    return {"url": given["url"], "method": "POST", "events": events}


def _conversation_configuration(settings: Json) -> str | None:
    path = "configuration.conversationConfigurationId"
    found = _optional_text(settings, "conversationConfigurationId", path)
    if found is not None and not CONVERSATION_CONFIGURATION_ID.fullmatch(found):
        raise BadInput(f"{path} must be the id of a conversation configuration.", path)
    return found


def _defaults(given: Any) -> list[Json]:
    path = "configuration.participantDefaults"
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(each, dict) for each in given):
        raise BadInput(f"{path} must have exactly two entries.", path)
    for index, each in enumerate(given):
        if not _is_channel(each.get("audioChannelIndex")):
            raise BadInput(f"{path}[{index}].audioChannelIndex must be 1 or 2.", path)
        if not _is_one_of(each.get("type"), ROLES):
            raise BadInput(f"{path}[{index}].type must be one of {', '.join(sorted(ROLES))}.", path)
    if given[0]["audioChannelIndex"] == given[1]["audioChannelIndex"]:
        raise BadInput(f"{path} must name both channels.", path)
    return [{"audioChannelIndex": each["audioChannelIndex"], "type": each["type"]} for each in given]


def _one_of(settings: Json, name: str, allowed: Collection[str]) -> str:
    value = settings.get(name)
    if not _is_one_of(value, allowed):
        raise BadInput(f"configuration.{name} must be one of {', '.join(sorted(allowed))}.", f"configuration.{name}")
    return str(value)


def _is_one_of(value: Any, allowed: Collection[str]) -> bool:
    return isinstance(value, str) and value in allowed


def _optional_text(values: Json, name: str, path: str) -> str | None:
    value = values.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > MAX_NAME_CHARS):
        raise BadInput(f"{path} must be a string of at most {MAX_NAME_CHARS} characters.", path)
    return value


def _bad(message: str, pointer: str) -> Rejected:
    return Rejected(400, 20001, message, f"#{pointer}")


def _pointer(name: str) -> str:
    """RFC 6901, §3."""
    return name.replace("~", "~0").replace("/", "~1")
