"""Whatever a client writes is understood or refused; nothing it writes breaks the reading."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from polyscribe.apis.twilio_voice_v3 import reading
from polyscribe.apis.twilio_voice_v3.tests.steps import example
from polyscribe.apis.twilio_voice_v3.wire import PARTICIPANT_FIELDS, REQUEST_FIELDS
from polyscribe.domain.errors import Refused

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def changed(body: dict[str, Any], names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """The body with any values in some of its fields."""
    return st.dictionaries(st.sampled_from(names), values, max_size=2).map(lambda fields: {**body, **fields})


participants = st.lists(changed(example("url_request")["participants"][0], sorted(PARTICIPANT_FIELDS)), max_size=3)
requests = changed(example("url_request"), sorted(REQUEST_FIELDS))
settings = changed(
    example("configuration_request")["configuration"], sorted(example("configuration_request")["configuration"])
)
defaults = st.lists(st.fixed_dictionaries({"audioChannelIndex": values | st.just(1), "type": values}), max_size=3)


@given(requests, st.none() | participants)
def test_a_request_is_understood_or_refused(body: dict[str, Any], people: list[dict[str, Any]] | None) -> None:
    try:
        asked = reading.asked(body if people is None else {**body, "participants": people})
    except Refused:
        return

    assert (asked.url is None) != (asked.recording_id is None)


@given(settings, st.none() | defaults, st.dictionaries(st.sampled_from(["unique_name", "description"]), values))
def test_a_configuration_is_understood_or_refused(
    body: dict[str, Any], people: list[dict[str, Any]] | None, names: dict[str, Any]
) -> None:
    content = body if people is None else {**body, "participantDefaults": people}
    try:
        _, kept = reading.configuration({**names, "configuration": content})
    except Refused:
        return

    assert set(kept["settings"]) == set(example("configuration_request")["configuration"])


@given(
    st.dictionaries(st.sampled_from(["createdAfter", "createdBefore", "sourceId", "status", "languageCode"]), st.text())
)
def test_conditions_are_understood_or_refused(query: dict[str, str]) -> None:
    try:
        found = reading.conditions(query)
    except Refused:
        return

    assert found.language == query.get("languageCode")


@given(values)
def test_an_address_is_one_that_can_be_opened_or_it_is_none(value: Any) -> None:
    assert isinstance(value, str) or not reading.is_web_address(value)
