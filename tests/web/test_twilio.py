"""Spellings, times, errors and signatures that both Twilio APIs share."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from polyscribe.domain.errors import BadInput, NotAuthenticated, NotFound, StoreFailed, TooMany
from polyscribe.web import twilio

TOKEN = "test-auth-token-0123456789"
HOOK = "https://app.example.test/hook"


@given(st.uuids())
def test_ids_are_read_and_written_alike(value: UUID) -> None:
    assert twilio.from_sid("RE", twilio.sid("RE", value)) == value
    assert twilio.from_typeid("conv_conversation", twilio.typeid("conv_conversation", value)) == value


def test_a_type_id_is_spelled_as_the_specification_does() -> None:
    # https://github.com/jetify-com/typeid, spec/valid.yml
    assert twilio.typeid("prefix", UUID("0110c853-1d09-52d8-d73e-1194e95b5f19")) == "prefix_0123456789abcdefghjkmnpqrs"
    assert twilio.typeid("prefix", UUID("01890a5d-ac96-774b-bcce-b302099a8057")) == "prefix_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x_01h455vb4pex5vsknk084sn02q",
        "p_",
        "p_01h455vb4pex5vsknk084sn02",
        "p_81h455vb4pex5vsknk084sn02q",
        "p_" + "u" * 26,
    ],
)
def test_what_is_no_type_id_is_none(text: str) -> None:
    assert twilio.from_typeid("p", text) is None


@pytest.mark.parametrize("text", ["", "RE", "CA" + "0" * 32, "RE" + "0" * 31, "RE" + "g" * 32, "RE" + "0" * 33])
def test_what_is_no_sid_is_none(text: str) -> None:
    assert twilio.from_sid("RE", text) is None


def test_instants_are_written_in_the_forms_that_clients_parse() -> None:
    at = datetime(2026, 5, 1, 10, 0, 0, 420_999, tzinfo=UTC)

    assert twilio.instant(at) == "2026-05-01T10:00:00Z"
    assert twilio.instant_ms(at) == "2026-05-01T10:00:00.420Z"
    assert twilio.instant_rfc2822(at) == "Fri, 01 May 2026 10:00:00 +0000"


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T10:00:00Z",
        "2026-05-01T10:00:00",
        "2026-05-01T20:00:00+10:00",
        "2026-05-01T20:00:00 10:00",
        "2026-05-01T10:00:00.000Z",
    ],
)
def test_one_instant_has_many_spellings(text: str) -> None:
    assert twilio.read_instant(text, "at") == datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "now", "2026-05-01", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        twilio.read_instant(text, "at")


def test_a_date_counts_where_dates_count() -> None:
    assert twilio.read_instant("2026-05-01", "at", date_only=True) == datetime(2026, 5, 1, tzinfo=UTC)


def test_a_form_is_signed_as_in_the_test_vector() -> None:
    form = {
        "AccountSid": ["AC1"],
        "transcript_sid": ["GT00000000000000000000000000000001"],
        "event_type": ["voice_intelligence_transcript_available"],
    }

    assert twilio.signature(TOKEN, HOOK, form) == "amkyQi+78vHjvGaINBkE7uweo2o="


def test_json_is_signed_as_in_the_test_vector() -> None:
    event = "voice_intelligence_transcript_available"
    body = f'{{"transcript_sid":"GT00000000000000000000000000000001","event_type":"{event}"}}'.encode()

    url, headers = twilio.signed_json("https://app.example.test:8443/hook?x=1", body, TOKEN)

    digest = "f03299af4ddff1a19b56844ad4ef7c7adc4fdd0a3487e1d24be9e7bfa97c00cb"
    assert url == f"https://app.example.test:8443/hook?x=1&bodySHA256={digest}"
    assert headers["X-Twilio-Signature"] == "PGwUcD25IC9hCGVdiL5CMdpkGMs="


def test_a_get_is_signed_as_in_the_test_vector() -> None:
    query = "x=1&event_type=voice_intelligence_transcript_available&transcript_sid=GT00000000000000000000000000000001"

    assert twilio.signature(TOKEN, f"{HOOK}?{query}") == "qj9FHa8ZEhXlFBGgY3AJs3YFAWw="


def test_repeated_names_of_a_form_are_sorted_and_counted_once() -> None:
    assert twilio.signature(TOKEN, HOOK, {"a": ["2", "1", "2"]}) == twilio.signature(TOKEN, HOOK, {"a": ["1", "2"]})


def test_without_a_secret_nothing_is_signed() -> None:
    assert "X-Twilio-Signature" not in twilio.signed_json(HOOK, b"{}", None)[1]


def test_escapes_are_not_escaped_again() -> None:
    assert twilio.sent_url("https://a.test/b%20c?d=%C3%A4&e=é#f") == "https://a.test/b%20c?d=%C3%A4&e=%C3%A9"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadInput("No."), 400, 20001),
        (NotAuthenticated("Authenticate"), 401, 20003),
        (NotFound("No."), 404, 20404),
        (StoreFailed("No."), 500, 20500),
        (HTTPException(404), 404, 20404),
        (HTTPException(405), 405, 20004),
        (HTTPException(400), 400, 20001),
        (ZeroDivisionError(), 500, 20500),
        (twilio.Rejected(422, 17530, "No."), 422, 17530),
    ],
)
def test_every_error_has_its_status_and_number(error: Exception, status: int, code: int) -> None:
    body = twilio.legacy(error, "/v2/x")

    assert (body["status"], body["code"]) == (status, code)
    assert body["more_info"].endswith(f"/{code}")
    assert not {"type", "title"} & set(body)


def test_a_surprise_tells_nothing_of_itself() -> None:
    assert twilio.legacy(ZeroDivisionError("secret"), "/x")["message"] == "An internal error occurred."


def test_who_asks_too_much_is_told_when_to_come_back() -> None:
    assert twilio.headers_of(TooMany("No.", 2.6)) == {"Retry-After": "3"}
