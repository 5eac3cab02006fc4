"""Twilio's own library for Python against a running server: what its users do, without changing a line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from running import ENDED_S, Running

twilio_rest = pytest.importorskip("twilio.rest", reason="needs the test extra (twilio)")

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException  # noqa: E402
from twilio.request_validator import RequestValidator  # noqa: E402
from twilio.rest.voice.v2.configuration import ConfigurationContext  # noqa: E402
from twilio.rest.voice.v2.transcription import TranscriptionContext  # noqa: E402
from twilio.rest.voice.v3.transcription import TranscriptionList  # noqa: E402

DEFAULTS = [{"audioChannelIndex": 1, "type": "CUSTOMER"}, {"audioChannelIndex": 2, "type": "HUMAN_AGENT"}]
CONVERSATIONS = "conv_configuration_01k1etx3jbfx88476ccja0889c"
PARTICIPANTS = [
    {"audioChannelIndex": 1, "type": "CUSTOMER", "address": "+15550100001", "name": "Jane"},
    {"audioChannelIndex": 2, "type": "HUMAN_AGENT", "address": "+15550100002", "name": "Sam"},
]


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[Any]:
    made = twilio_rest.Client(server.account_sid, server.auth_token, region=None, edge=None)
    made.voice.base_url = made.conversations.base_url = made.api.base_url = server.base_url
    yield made
    made.http_client.session.close()


@pytest.fixture(scope="module")
def configuration(server: Running, client: Any) -> Any:
    return configure(client, server, unique_name="calls")


@pytest.fixture(scope="module")
def done(server: Running, client: Any, configuration: Any) -> Any:
    """The sample call, transcribed by its address."""
    body = {
        "transcriptionConfigurationId": configuration.id,
        "mediaUrl": server.media_url,
        "audioStartedAt": "2026-03-10T19:42:16Z",
        "participants": PARTICIPANTS,
    }
    made = create(client, body)
    assert made.status == "PENDING"
    return wait(client, server, made.transcription["id"])


def configure(client: Any, server: Running, **fields: Any) -> Any:
    settings = {
        "configurationType": "Transcription",
        "transcriptionEngine": "deepgram",
        "speechModel": "nova-3",
        "language": "en-US",
        "transcriptionStatusCallback": {"url": server.callback_url, "method": "POST"},
        "conversationConfigurationId": CONVERSATIONS,
        "participantDefaults": DEFAULTS,
    }
    body = {"description": "d", "configuration": settings, **fields}
    return client.voice.v2.configurations("Transcription").create(
        ConfigurationContext.VoiceV2ConfigurationRequest(body)
    )


def create(client: Any, body: dict[str, Any], **options: Any) -> Any:
    request = TranscriptionList.CreateV3TranscriptionsRequest(body)
    return client.voice.v3.transcriptions.create(request, **options)


def wait(client: Any, server: Running, transcription_id: str) -> Any:
    server.finish()
    until = time.monotonic() + ENDED_S
    while True:
        found = client.voice.v3.transcriptions(transcription_id).fetch()
        if found.status in {"COMPLETED", "FAILED"} or time.monotonic() > until:
            return found
        time.sleep(0.2)


def test_a_call_is_transcribed_by_its_address(done: Any) -> None:
    assert done.status == "COMPLETED", done.transcription
    assert done.operation_id == done.transcription["id"]
    assert done.transcription["duration"] > 0
    assert done.transcription["participants"] == PARTICIPANTS
    assert "error" not in done.transcription


def test_a_recording_is_transcribed_by_its_sid(server: Running, client: Any, configuration: Any) -> None:
    made = create(client, {"transcriptionConfigurationId": configuration.id, "sourceId": server.recording_sid})

    found = wait(client, server, made.transcription["id"])

    assert found.status == "COMPLETED", found.transcription
    assert found.transcription["sourceId"] == server.recording_sid
    assert [each["address"] for each in found.transcription["participants"]] == ["+61255501234", "+61255505678"]
    assert found.transcription["audioStartedAt"] is not None


def test_the_status_url_is_on_this_server(server: Running, done: Any) -> None:
    answer = requests.get(done.status_url, auth=(server.account_sid, server.auth_token), timeout=10)

    assert done.status_url.startswith(server.base_url)
    assert answer.json()["status"] == "COMPLETED"


def test_the_callback_is_signed_as_twilio_signs(server: Running, done: Any) -> None:
    server.finish()

    told = next(each for each in server.callbacks() if json.loads(each.body)["id"] == done.operation_id)

    signature = {name.lower(): value for name, value in told.headers.items()}["x-twilio-signature"]
    validator = RequestValidator(server.auth_token)
    assert validator.validate(told.url, told.body.decode(), signature)
    assert not validator.validate(told.url, told.body.decode() + " ", signature)


def test_the_callback_carries_the_text(server: Running, done: Any) -> None:
    told = next(json.loads(each.body) for each in server.callbacks() if done.operation_id in each.url + str(each.body))

    assert told["status"] == "completed"
    assert told["duration"] == done.transcription["duration"]
    assert any(sentence["text"] for sentence in told["sentences"])
    assert [each["sentenceIndex"] for each in told["sentences"]] == list(range(len(told["sentences"])))
    assert {each["audioChannelIndex"] for each in told["sentences"]} <= {1, 2}


def test_the_text_is_read_as_a_conversation(client: Any, done: Any) -> None:
    conversation_id = done.transcription["conversationId"]
    conversation = client.conversations.v2.conversations(conversation_id).fetch()
    said = client.conversations.v2.communications(conversation_id).list(limit=50)
    people = client.conversations.v2.participants(conversation_id).list()
    once_more = client.conversations.v2.communications(conversation_id, said[0].id).fetch()

    assert (conversation.status, conversation.configuration_id) == ("CLOSED", CONVERSATIONS)
    assert {each.addresses[0]["address"] for each in people} == {"+15550100001", "+15550100002"}
    assert once_more.content == said[0].content
    assert said[0].author["participantId"] in {each.id for each in people}
    assert said[0].content["transcription"]["words"][0]["startTime"].startswith("2026-03-10T19:42:")


def test_communications_come_in_pages(client: Any, done: Any) -> None:
    conversation_id = done.transcription["conversationId"]
    communications = client.conversations.v2.communications(conversation_id)

    assert [each.id for each in communications.list(page_size=1)] == [each.id for each in communications.list()]


def test_a_key_makes_one_transcription_only(server: Running, client: Any, configuration: Any) -> None:
    body = {"transcriptionConfigurationId": configuration.id, "sourceId": server.recording_sid}
    key = "01926e40-a5e2-7000-8000-2b2c5a4e5d7b"

    first = create(client, body, idempotency_key=key)
    second = create(client, body, idempotency_key=key)

    assert first.transcription == second.transcription
    wait(client, server, first.transcription["id"])


def test_lists_are_filtered_and_paged(server: Running, client: Any, configuration: Any, done: Any) -> None:
    for _ in range(3):
        made = create(client, {"transcriptionConfigurationId": configuration.id, "sourceId": server.recording_sid})
    wait(client, server, made.transcription["id"])
    transcriptions = client.voice.v3.transcriptions

    by_recording = transcriptions.list(source_id=server.recording_sid)
    paged = [each.id for each in transcriptions.stream(page_size=1, limit=4)]

    assert paged == [each.id for each in transcriptions.list(limit=4)]
    assert {each.source_id for each in by_recording} == {server.recording_sid}
    assert done.operation_id not in {each.id for each in by_recording}
    assert transcriptions.list(language_code="de-DE") == []
    assert transcriptions.list(created_before=datetime(2020, 1, 1, tzinfo=UTC)) == []
    assert len(transcriptions.list(limit=500)) == len(transcriptions.list())
    assert done.operation_id in {each.id for each in transcriptions.list(status="COMPLETED")}
    assert all(isinstance(each.created_at, datetime) for each in transcriptions.list(limit=2))


def test_lists_with_http_info_are_understood_too(client: Any, done: Any) -> None:
    found = client.voice.v3.transcriptions.list_with_http_info(page_size=1, limit=1)

    assert found.status_code == 200


def test_configurations_live_their_life(server: Running, client: Any) -> None:
    made = configure(client, server, unique_name="life")
    fetched = client.voice.v2.transcription("life").fetch()
    changed = client.voice.v2.transcription(made.id).fetch().configuration | {"language": "de-DE"}
    updated = client.voice.v2.transcription(made.id).update(
        TranscriptionContext.VoiceV2ConfigurationTranscriptionRequest({"unique_name": "life", "configuration": changed})
    )

    assert fetched.id == made.id
    assert updated.configuration["language"] == "de-DE"
    assert client.voice.v2.transcription(made.id).delete() is True
    with pytest.raises(TwilioRestException) as gone:
        client.voice.v2.transcription(made.id).fetch()
    assert gone.value.status == 404
    assert gone.value.code == 20404


def test_a_refusal_is_the_newer_exception(client: Any, configuration: Any) -> None:
    with pytest.raises(TwilioServiceException) as refused:
        create(client, {"transcriptionConfigurationId": configuration.id, "sourceId": "RE123"})

    assert (refused.value.status, refused.value.code) == (400, 17502)


def test_a_language_that_nothing_here_knows_is_refused_with_what_to_install(server: Running, client: Any) -> None:
    made = configure(client, server, unique_name="german")
    changed = made.configuration | {"language": "de-DE"}
    client.voice.v2.transcription(made.id).update(
        TranscriptionContext.VoiceV2ConfigurationTranscriptionRequest(
            {"unique_name": "german", "configuration": changed}
        )
    )

    with pytest.raises(TwilioServiceException) as refused:
        create(
            client,
            {"transcriptionConfigurationId": made.id, "mediaUrl": server.media_url, "participants": PARTICIPANTS},
        )

    assert (refused.value.status, refused.value.code) == (400, 20001)
    assert "nstall" in refused.value.detail


def test_media_that_is_not_there_fails_with_the_number_for_it(server: Running, client: Any, configuration: Any) -> None:
    body = {
        "transcriptionConfigurationId": configuration.id,
        "mediaUrl": server.media_url.replace("call.wav", "nothing.wav"),
        "participants": PARTICIPANTS,
    }
    made = create(client, body)

    found = wait(client, server, made.transcription["id"])

    assert found.status == "FAILED"
    assert found.transcription["error"]["code"] == 17552


def test_wrong_credentials_are_refused(server: Running) -> None:
    stranger = twilio_rest.Client(server.account_sid, "wrong")
    stranger.voice.base_url = server.base_url

    with pytest.raises(TwilioServiceException) as refused:
        stranger.voice.v3.transcriptions("voice_transcription_01k1etx3jbfx88476ccja0889c").fetch()
    with pytest.raises(TwilioException):
        stranger.voice.v3.transcriptions.list()

    assert (refused.value.status, refused.value.code) == (401, 20003)
    stranger.http_client.session.close()


def test_recordings_and_calls_are_looked_up(server: Running, client: Any) -> None:
    found = client.recordings(server.recording_sid).fetch()
    call = client.calls(found.call_sid).fetch()
    today = found.date_created.date()

    assert found.call_sid == server.call_sid
    assert (found.channels, found.status, found.price_unit) == (2, "completed", "USD")
    assert isinstance(found.duration, str)
    assert (call._from, call.to, call.direction) == ("+61255501234", "+61255505678", "inbound")
    assert [each.sid for each in client.recordings.list(call_sid=server.call_sid)] == [server.recording_sid]
    assert server.recording_sid in {each.sid for each in client.recordings.list(date_created=today, limit=5)}
    assert client.recordings.list(date_created_before=datetime(2020, 1, 1, tzinfo=UTC)) == []


def test_the_sound_of_a_recording_is_served(server: Running, client: Any) -> None:
    found = client.recordings(server.recording_sid).fetch()
    auth = (server.account_sid, server.auth_token)

    whole = requests.get(found.media_url, auth=auth, timeout=10)
    part = requests.get(found.media_url + ".wav", auth=auth, headers={"Range": "bytes=0-3"}, timeout=10)

    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/x-wav")
    assert whole.content[:4] == b"RIFF"
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert part.headers["content-range"] == f"bytes 0-3/{len(whole.content)}"
