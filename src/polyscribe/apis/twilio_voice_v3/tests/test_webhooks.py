"""The status callback (§9): its signature, its events, its size."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from homes import Home, call_transcript
from polyscribe.apis.twilio_voice_v3.tests.steps import create
from polyscribe.apis.twilio_voice_v3.translate import id_of
from polyscribe.domain.transcript import Segment, Transcript
from polyscribe.domain.transcription import Fault
from polyscribe.telemetry import listen

validation = pytest.importorskip("twilio.request_validator", reason="needs the test extra (twilio)")

HOOK = "https://app.example.test/hook"
GONE = Fault("fetch", "not_found", "The media host answered 404.")


@pytest.mark.parametrize(
    "url",
    [
        HOOK,
        f"{HOOK}?x=1&y=%20z",
        "https://app.example.test:8443/hook",
        f"{HOOK}#part",
        "https://app.example.test/grüße?ä=ö",
    ],
)
def test_the_signature_is_one_that_twilios_library_accepts(at: Home, configure: Any, url: str) -> None:
    at.end(create(at, configure(transcriptionStatusCallback={"url": url})), call_transcript())

    at.tell()

    sent = at.outbound.sent[0]
    validator = validation.RequestValidator(at.token)
    assert validator.validate(sent.url, sent.body.decode(), sent.headers["X-Twilio-Signature"])
    assert (sent.method, sent.headers["Content-Type"]) == ("POST", "application/json")
    assert sent.url.isascii()
    assert "#" not in sent.url


def test_the_end_is_told_once_with_the_text(at: Home, configuration: str) -> None:
    made = create(at, configuration)
    at.end(made, call_transcript())

    at.tell()

    body = json.loads(at.outbound.sent[0].body)
    assert len(at.outbound.sent) == 1
    assert (body["id"], body["status"], body["mediaUrl"], body["sourceId"]) == (
        id_of(made),
        "completed",
        made.url,
        None,
    )
    assert [each["text"] for each in body["sentences"]] == ["Good morning.", "Hello."]


def test_a_failure_is_told_when_all_events_are_wanted(at: Home, configuration: str) -> None:
    at.end(create(at, configuration), None, GONE)

    at.tell()

    body = json.loads(at.outbound.sent[0].body)
    assert (body["status"], body["error"]["code"], body["sentences"], body["duration"]) == ("failed", 17552, [], None)


def test_a_failure_is_not_told_when_only_completed_is_wanted(at: Home, configure: Any) -> None:
    only = {"url": HOOK, "events": ["COMPLETED"]}
    configuration = configure(transcriptionStatusCallback=only)
    at.end(create(at, configuration), None, GONE)
    at.end(create(at, configuration), call_transcript())

    at.tell()

    assert [json.loads(each.body)["status"] for each in at.outbound.sent] == ["completed"]


def test_it_is_tried_three_times_more_and_then_given_up(at: Home, configuration: str) -> None:
    at.outbound.answers = [503, 408, 429, 500, 200]
    at.end(create(at, configuration), call_transcript())

    at.tell()

    assert len(at.outbound.sent) == 4
    assert len({each.body for each in at.outbound.sent}) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 410])
def test_other_refusals_end_it_at_once(at: Home, configuration: str, status: int) -> None:
    at.outbound.answers = [status]
    at.end(create(at, configuration), call_transcript())

    at.tell()

    assert len(at.outbound.sent) == 1


def large() -> Transcript:
    many = tuple(Segment(0, n, n + 1, "word " * 100) for n in range(2000))
    return replace(call_transcript(), segments=many)


def test_a_body_larger_than_twilio_sends_is_not_sent(at: Home, configuration: str) -> None:
    skipped: list[dict[str, Any]] = []
    stop = listen(lambda name, facts: skipped.append(facts) if name == "callback_skipped" else None)

    at.end(create(at, configuration), large())
    at.tell()
    stop()

    assert at.outbound.sent == []
    assert [facts["code"] for facts in skipped] == [17564]
    assert at.client.get("/v3/Transcriptions").json()["transcriptions"][0]["status"] == "COMPLETED"


def test_nobody_is_told_without_an_address(at: Home, configure: Any) -> None:
    stored = configure(
        transcriptionStatusCallback=None, conversationConfigurationId="conv_configuration_01k1etx3jbfx88476ccja0889c"
    )

    at.end(create(at, stored), call_transcript())

    assert [job.flow for job in at.queue.jobs] == []
