"""Our values as Twilio Voice v3 writes them, and the tables of states and faults. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from polyscribe.apis.twilio_voice_v3.wire import CONFIGURATION, TITLES, TRANSCRIPTION, Json
from polyscribe.domain.configuration import Configuration
from polyscribe.domain.errors import FetchFault, SourceFault
from polyscribe.domain.transcript import Segment, Transcript, Word
from polyscribe.domain.transcription import Fault, Participant, Status, Transcription
from polyscribe.services.access import twilio_account_sid
from polyscribe.web import twilio

STATUS: Mapping[Status, str] = {
    Status.WAITING: "PENDING",
    Status.WORKING: "RUNNING",
    Status.DONE: "COMPLETED",
    Status.FAILED: "FAILED",
    Status.CANCELED: "FAILED",
}
STATUS_OF: Mapping[str, Status] = {
    "PENDING": Status.WAITING,
    "RUNNING": Status.WORKING,
    "COMPLETED": Status.DONE,
    "FAILED": Status.FAILED,
}
"""Nobody can cancel through this API, so FAILED means just that."""

FETCH: Mapping[FetchFault, int] = {
    FetchFault.UNRESOLVED: 17550,
    FetchFault.FORBIDDEN_ADDRESS: 17550,
    FetchFault.BAD_ADDRESS: 17550,
    FetchFault.NOT_FOUND: 17552,
    FetchFault.NOT_AUTHORIZED: 17553,
    FetchFault.REFUSED: 17551,
    FetchFault.UNAVAILABLE: 17551,
    FetchFault.TIMED_OUT: 17551,
    FetchFault.TOO_MANY_REDIRECTS: 17551,
    FetchFault.TOO_LARGE: 17560,
}
SOURCE: Mapping[SourceFault, int] = {
    SourceFault.EMPTY: 17554,
    SourceFault.NO_AUDIO: 17554,
    SourceFault.TOO_SHORT: 17554,
    SourceFault.TOO_LONG: 17555,
    SourceFault.NOT_AUDIO: 17556,
    SourceFault.FORMAT_NOT_ALLOWED: 17556,
    SourceFault.RATE_TOO_HIGH: 17556,
    SourceFault.RATE_TOO_LOW: 17557,
    SourceFault.CORRUPT: 17558,
    SourceFault.RESOURCE_LIMIT: 17558,
    SourceFault.TOO_MANY_CHANNELS: 17559,
    SourceFault.TOO_LARGE: 17560,
}
MEDIA_GONE = 17552
INTERNAL = 17561


def code_of(fault: Fault) -> int:
    """Twilio's number for why a transcription failed (§7, after acceptance)."""
    if fault.kind == "fetch" and fault.fault in FETCH:
        return FETCH[FetchFault(fault.fault)]
    if fault.kind == "source" and fault.fault in SOURCE:
        return SOURCE[SourceFault(fault.fault)]
    return MEDIA_GONE if fault.kind == "missing" else INTERNAL


def problem(error: Exception, path: str) -> Json:
    """RFC 9457, with the four keys without which the SDK takes it for the older shape (§7)."""
    status, code = twilio.verdict(error)
    title = TITLES[code]
    body: Json = {
        "type": f"https://www.twilio.com/docs/api/errors/{code}",
        "title": title,
        "status": status,
        "code": code,
        "instance": path,
    }
    detail = error.message if isinstance(error, twilio.Rejected) else twilio.sentence(error, path)
    if 16 <= len(detail) <= 1024:
        body["detail"] = detail
    if isinstance(error, twilio.Rejected) and error.pointer is not None:
        body["errors"] = [{"detail": detail, "pointer": error.pointer}]
    return body


def accepted(transcription: Transcription, base: str) -> Json:
    """The body of a 202, also when the same Idempotency-Key comes again later: as it was at the beginning."""
    fresh = replace(
        transcription,
        status=Status.WAITING,
        duration_ms=None,
        fault=None,
        updated_at=transcription.created_at,
    )
    return {
        "status": STATUS[fresh.status],
        "statusUrl": url_of(fresh, base),
        "transcription": resource(fresh, base, None),
    }


def envelope(transcription: Transcription, base: str, conversation_id: str | None) -> Json:
    """The body of a fetch."""
    return {
        "operationId": id_of(transcription),
        "status": STATUS[transcription.status],
        "statusUrl": url_of(transcription, base),
        "transcription": resource(transcription, base, conversation_id),
    }


def resource(transcription: Transcription, base: str, conversation_id: str | None) -> Json:
    """A transcription (§5); never its text."""
    body: Json = {
        "id": id_of(transcription),
        "accountId": twilio_account_sid(transcription.account_id),
        "status": STATUS[transcription.status],
        "transcriptionConfigurationId": transcription.wire["configurationId"],
        "sourceId": source_of(transcription),
        "mediaUrl": transcription.url,
        "audioStartedAt": _instant(transcription.audio_started_at),
        "conversationId": conversation_id,
        "participants": participants(transcription.participants),
        "duration": seconds(transcription.duration_ms),
        "resolvedConfiguration": transcription.wire["resolvedConfiguration"],
        "createdAt": twilio.instant(transcription.created_at),
        "updatedAt": twilio.instant(transcription.updated_at),
        "url": url_of(transcription, base),
    }
    if conversation_id is not None:
        body["links"] = {"conversation": f"{base}/v2/Conversations/{conversation_id}"}
    if transcription.fault is not None:
        body["error"] = _error(transcription.fault)
    return body


def id_of(transcription: Transcription) -> str:
    return twilio.typeid(TRANSCRIPTION, transcription.id)


def url_of(transcription: Transcription, base: str) -> str:
    return f"{base}/v3/Transcriptions/{id_of(transcription)}"


def source_of(transcription: Transcription) -> str | None:
    return None if transcription.recording_id is None else twilio.sid("RE", transcription.recording_id)


def participants(found: Sequence[Participant]) -> list[Json]:
    return [
        {"audioChannelIndex": each.channel + 1, "type": each.role}
        | ({} if each.address is None else {"address": each.address})
        | ({} if each.name is None else {"name": each.name})
        for each in found
    ]


def seconds(ms: int | None) -> int | None:
    """Whole seconds, rounded half up."""
    return None if ms is None else (ms + 500) // 1000


def snapshot(configuration: Configuration) -> Json:
    """`resolvedConfiguration`: what the configuration said when the transcription was created."""
    settings = configuration.wire["settings"]
    return {name: value for name, value in settings.items() if name != "configurationType"}


def configuration(found: Configuration) -> Json:
    """A configuration (§3)."""
    return {
        "id": twilio.typeid(CONFIGURATION, found.id),
        "account_sid": twilio_account_sid(found.account_id),
        "unique_name": found.unique_name,
        "description": found.wire["description"],
        "configuration": found.wire["settings"],
        "date_created": twilio.instant(found.created_at),
        "date_updated": twilio.instant(found.updated_at),
    }


def callback(transcription: Transcription, transcript: Transcript | None) -> Json:
    """The body of the status callback (§9)."""
    position = {each.channel: index for index, each in enumerate(transcription.participants)}
    segments = () if transcript is None else transcript.segments
    body: Json = {
        "id": id_of(transcription),
        "accountId": twilio_account_sid(transcription.account_id),
        "status": STATUS[transcription.status].lower(),
        "transcriptionConfigurationId": transcription.wire["configurationId"],
        "sourceId": source_of(transcription),
        "mediaUrl": transcription.url,
        "duration": seconds(transcription.duration_ms),
        "participants": participants(transcription.participants),
        "sentences": [_sentence(index, each, position.get(each.channel)) for index, each in enumerate(segments)],
        "createdAt": twilio.instant(transcription.created_at),
        "updatedAt": twilio.instant(transcription.updated_at),
    }
    if transcription.fault is not None:
        body["error"] = _error(transcription.fault)
    return body


def _sentence(index: int, segment: Segment, participant: int | None) -> Json:
    return {
        "sentenceIndex": index,
        "audioChannelIndex": segment.channel + 1,
        "participantIndex": participant,
        "startTimeSeconds": segment.start_ms / 1000,
        "endTimeSeconds": segment.end_ms / 1000,
        "text": segment.text,
        "confidence": _rounded(segment.confidence),
        "words": [_word(word) for word in segment.words],
    }


def _word(word: Word) -> Json:
    return {
        "word": word.text,
        "startTimeSeconds": word.start_ms / 1000,
        "endTimeSeconds": word.end_ms / 1000,
        "confidence": _rounded(word.confidence),
    }


def _error(fault: Fault) -> Json:
    code = code_of(fault)
    return {"code": code, "title": TITLES[code], "message": fault.message}


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 4)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else twilio.instant(at)
