from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.domain.errors import FetchFault
from polyscribe.outbound import answers
from polyscribe.outbound.answers import Range

NOW = datetime(2024, 1, 1, 12, 0, 0, tzinfo=UTC)


@given(st.integers(100, 999))
def test_every_status_without_content_is_a_failure(status: int) -> None:
    failed = answers.failure("media.test", status, {}, NOW)

    assert failed.status == status
    assert failed.retryable == (status in {408, 425, 429} or status >= 500)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("99999", 3600.0),
        ("9" * 400, 3600.0),
        ("Mon, 01 Jan 2024 12:00:30 GMT", 30.0),
        ("Mon, 01 Jan 2024 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_an_instant_and_an_hour_at_most(said: str, wait_s: float | None) -> None:
    assert answers.wait_s(said, NOW) == wait_s


def test_only_what_may_pass_tells_how_long_to_wait() -> None:
    assert answers.failure("media.test", 429, {"retry-after": "5"}, NOW).wait_s == 5.0
    assert answers.failure("media.test", 404, {"retry-after": "5"}, NOW).wait_s is None


@pytest.mark.parametrize(
    ("said", "media_type"),
    [("audio/wav", "audio/wav"), ("Audio/X-WAV ; a=b", "audio/x-wav"), ("", None), ("audio", None), ("a/b c", None)],
)
def test_the_media_type_is_without_parameters(said: str, media_type: str | None) -> None:
    assert answers.media_type({"content-type": said}) == media_type


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"a"'}, '"a"'),
        ({"etag": 'W/"a"', "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
        ({"last-modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
        ({"last-modified": "Mon, 01 Jan 2024 00:00:00 GMT", "date": "Mon, 01 Jan 2024 00:00:30 GMT"}, None),
        (
            {"last-modified": "Mon, 01 Jan 2024 00:00:00 GMT", "date": "Mon, 01 Jan 2024 00:01:00 GMT"},
            "Mon, 01 Jan 2024 00:00:00 GMT",
        ),
        ({"last-modified": "then", "date": "now"}, None),
    ],
)
def test_only_a_strong_validator_proves_that_content_is_unchanged(
    headers: dict[str, str], validator: str | None
) -> None:
    assert answers.strong_validator(headers) == validator


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("bytes 5-9/10", Range(5, 10, 10)),
        ("bytes 5-9/*", Range(5, 10, None)),
        ("bytes */10", None),
        ("items 5-9/10", None),
        ("bytes 5-9/10, bytes 1-2/10", None),
        ("", None),
    ],
)
def test_a_content_range_is_read_or_makes_no_sense(said: str, expected: Range | None) -> None:
    assert answers.content_range({"content-range": said}) == expected


def test_a_range_continues_only_the_same_content_at_the_same_place() -> None:
    assert Range(5, 10, 10).continues(5, 10)
    assert Range(5, 10, None).continues(5, 10)
    assert Range(5, 10, 10).continues(5, None)
    assert not Range(4, 10, 10).continues(5, 10)
    assert not Range(5, 5, 10).continues(5, 10)
    assert not Range(5, 11, 11).continues(5, 10)


@pytest.mark.parametrize(
    ("status", "sent", "location"),
    [
        (302, b"/a", "/a"),
        (301, "/ü".encode(), "/ü"),
        (308, b"/\xfc", "/ü"),
        (200, b"/a", None),
        (304, b"/a", None),
        (302, b"", None),
    ],
)
def test_a_location_counts_only_with_a_redirect(status: int, sent: bytes, location: str | None) -> None:
    assert answers.location(status, answers.named([(b"Location", sent)])) == location


def test_faults_of_the_table_are_those_of_the_brief() -> None:
    faults = {status: answers.failure("media.test", status, {}, NOW).fault for status in (401, 404, 429, 500, 400)}

    assert faults == {
        401: FetchFault.NOT_AUTHORIZED,
        404: FetchFault.NOT_FOUND,
        429: FetchFault.UNAVAILABLE,
        500: FetchFault.UNAVAILABLE,
        400: FetchFault.REFUSED,
    }
