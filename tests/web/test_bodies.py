import json

import pytest

from polyscribe.domain.errors import BadInput
from polyscribe.web import bodies


@pytest.mark.parametrize(
    "media_type",
    [None, "application/json", "application/json; charset=utf-8", "Application/JSON", "application/x+json"],
)
def test_an_object_is_read(media_type: str | None) -> None:
    assert bodies.json_object(media_type, b'{"a": [1, "\xc3\xa4"]}') == {"a": [1, "ä"]}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"1", b"{", b'{"a": NaN}', b'{"a": 1' + b"0" * 5000 + b"}", b'{"a\\u0000": 1}', b'["\\ud800"]'],
)
def test_what_is_no_storable_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        bodies.json_object(None, body)


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: object = "x"
    for _ in range(bodies.MAX_DEPTH + 1):
        deep = {"a": deep}

    with pytest.raises(BadInput):
        bodies.json_object(None, json.dumps(deep).encode())
    with pytest.raises(BadInput):
        bodies.json_object(None, b'{"a":' * 100_000)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
def test_another_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(BadInput, match="application/json"):
        bodies.json_object(media_type, b"{}")
