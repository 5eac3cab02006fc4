"""Configurations: every rule of §3; errors are the older kind."""

from __future__ import annotations

from typing import Any

import pytest

from homes import Home
from polyscribe.apis.twilio_voice_v3.tests.steps import CONFIGURATIONS, CONVERSATION_CONFIGURATION, example

GONE = object()


def body(**settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = example("configuration_request")
    changed = found["configuration"] | settings
    found["configuration"] = {name: value for name, value in changed.items() if value is not GONE}
    return found


def test_a_configuration_is_written_as_it_was_sent(at: Home) -> None:
    answer = at.client.post(CONFIGURATIONS, json=body())

    made = answer.json()
    assert answer.status_code == 201
    sent = body()
    sent["configuration"]["transcriptionStatusCallback"]["events"] = None
    assert {name: made[name] for name in sent} == sent
    assert made["account_sid"] == at.sid
    assert made["date_created"] == made["date_updated"] == "2026-05-01T10:00:00Z"


def test_it_is_found_by_id_and_by_name(at: Home) -> None:
    made = at.client.post(CONFIGURATIONS, json=body()).json()

    assert at.client.get(f"{CONFIGURATIONS}/{made['id']}").json() == made
    assert at.client.get(f"{CONFIGURATIONS}/cfg-1").json() == made


def test_it_is_replaced_as_a_whole(at: Home) -> None:
    made = at.client.post(CONFIGURATIONS, json=body()).json()
    at.clock.forward(5)

    changed = at.client.put(
        f"{CONFIGURATIONS}/cfg-1", json={"configuration": body(speechModel=GONE, language="de-DE")["configuration"]}
    )

    assert changed.status_code == 200
    assert changed.json()["id"] == made["id"]
    assert (changed.json()["unique_name"], changed.json()["description"]) == (None, None)
    assert changed.json()["configuration"]["speechModel"] is None
    assert changed.json()["date_updated"] == "2026-05-01T10:00:05Z"
    assert at.client.get(f"{CONFIGURATIONS}/cfg-1").status_code == 404


def test_a_deleted_one_is_gone(at: Home) -> None:
    made = at.client.post(CONFIGURATIONS, json=body()).json()

    answer = at.client.delete(f"{CONFIGURATIONS}/{made['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert at.client.get(f"{CONFIGURATIONS}/{made['id']}").status_code == 404
    assert at.client.delete(f"{CONFIGURATIONS}/{made['id']}").status_code == 404


def test_a_name_is_given_once(at: Home) -> None:
    at.client.post(CONFIGURATIONS, json=body())

    again = at.client.post(CONFIGURATIONS, json=body())

    assert (again.status_code, again.json()["code"], again.json()["status"]) == (409, 20409, 409)


def test_errors_are_the_older_kind(at: Home) -> None:
    answer = at.client.get(f"{CONFIGURATIONS}/nothing")

    assert answer.status_code == 404
    assert answer.json() == {
        "code": 20404,
        "message": f"The requested resource {CONFIGURATIONS}/nothing was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def test_the_managed_engine_has_the_managed_model(at: Home) -> None:
    made = at.client.post(CONFIGURATIONS, json=body(transcriptionEngine="twilio_managed", speechModel=GONE)).json()

    assert made["configuration"]["speechModel"] == "twilio_managed"


def test_a_callback_alone_or_a_conversation_alone_is_enough(at: Home) -> None:
    callback = body(conversationConfigurationId=GONE) | {"unique_name": "a"}
    conversation = body(transcriptionStatusCallback=GONE) | {"unique_name": "b"}

    first = at.client.post(CONFIGURATIONS, json=callback).json()["configuration"]
    second = at.client.post(CONFIGURATIONS, json=conversation).json()["configuration"]

    assert first["conversationConfigurationId"] is None
    assert second["transcriptionStatusCallback"] is None


DEFAULTS = body()["configuration"]["participantDefaults"]


@pytest.mark.parametrize(
    "settings",
    [
        {"configurationType": "Other"},
        {"configurationType": GONE},
        {"transcriptionEngine": "another"},
        {"transcriptionEngine": GONE},
        {"transcriptionEngine": ["deepgram"]},
        {"speechModel": 3},
        {"language": "xx-XX"},
        {"language": GONE},
        {"language": "multi", "transcriptionEngine": "google"},
        {"transcriptionStatusCallback": GONE, "conversationConfigurationId": GONE},
        {"transcriptionStatusCallback": "https://app.example.test"},
        {"transcriptionStatusCallback": {"url": "app.example.test"}},
        {"transcriptionStatusCallback": {"url": "http://[::1"}},
        {"transcriptionStatusCallback": {"method": "POST"}},
        {"transcriptionStatusCallback": {"url": "https://app.example.test", "method": "GET"}},
        {"transcriptionStatusCallback": {"url": "https://app.example.test", "events": ["STARTED"]}},
        {"conversationConfigurationId": "conv_configuration_x"},
        {"conversationConfigurationId": 5},
        {"participantDefaults": GONE},
        {"participantDefaults": DEFAULTS[:1]},
        {"participantDefaults": [DEFAULTS[0], DEFAULTS[0]]},
        {"participantDefaults": [DEFAULTS[0], {"audioChannelIndex": 3, "type": "CUSTOMER"}]},
        {"participantDefaults": [DEFAULTS[0], {"audioChannelIndex": 2, "type": "BOSS"}]},
        {"participantDefaults": [DEFAULTS[0], {"audioChannelIndex": 2}]},
    ],
)
def test_a_setting_that_breaks_a_rule_is_refused(at: Home, settings: dict[str, Any]) -> None:
    answer = at.client.post(CONFIGURATIONS, json=body(**settings))

    assert (answer.status_code, answer.json()["code"]) == (400, 20001), answer.text


@pytest.mark.parametrize("name", ["", "a/b", "Default", "x" * 256, 5, "voice_transcriptionconfiguration_" + "0" * 26])
def test_a_name_that_could_not_be_looked_up_is_refused(at: Home, name: Any) -> None:
    answer = at.client.post(CONFIGURATIONS, json=body() | {"unique_name": name})

    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


@pytest.mark.parametrize("sent", [{}, {"configuration": None}, {"configuration": []}])
def test_a_body_without_configuration_is_refused(at: Home, sent: dict[str, Any]) -> None:
    assert at.client.post(CONFIGURATIONS, json=sent).status_code == 400


def test_the_list_comes_in_pages_in_order_of_creation(at: Home) -> None:
    made = []
    for number in range(3):
        made.append(at.client.post(CONFIGURATIONS, json=body() | {"unique_name": f"n{number}"}).json()["id"])
        at.clock.forward(1)

    first = at.client.get(CONFIGURATIONS, params={"pageSize": "2"}).json()
    second = at.client.get(CONFIGURATIONS, params={"pageSize": "2", "pageToken": first["meta"]["next_token"]}).json()

    assert [each["id"] for each in first["content"] + second["content"]] == made
    assert (first["meta"]["list_key"], first["meta"]["page_size"]) == ("content", 2)
    assert second["meta"]["next_token"] is None
    back = {"pageSize": "2", "pageToken": second["meta"]["previous_token"]}
    assert at.client.get(CONFIGURATIONS, params=back).json()["content"] == first["content"]


def test_a_default_is_chosen_and_chosen_anew(at: Home) -> None:
    made = [at.client.post(CONFIGURATIONS, json=body() | {"unique_name": f"n{n}"}).json()["id"] for n in range(2)]
    before = at.client.get(f"{CONFIGURATIONS}/Default").status_code

    answers = [at.client.post(f"{CONFIGURATIONS}/Default", json={"configuration_id": each}) for each in made]

    assert before == 404
    assert [each.status_code for each in answers] == [204, 204]
    assert at.client.get(f"{CONFIGURATIONS}/Default").json()["id"] == made[1]
    assert len(at.client.get(CONFIGURATIONS).json()["content"]) == 2


@pytest.mark.parametrize("sent", [{}, {"configuration_id": 5}])
def test_a_default_needs_an_id(at: Home, sent: dict[str, Any]) -> None:
    assert at.client.post(f"{CONFIGURATIONS}/Default", json=sent).status_code == 400


def test_a_default_has_to_exist(at: Home) -> None:
    assert at.client.post(f"{CONFIGURATIONS}/Default", json={"configuration_id": "nothing"}).status_code == 404


def test_another_account_sees_nothing_of_it(at: Home) -> None:
    made = at.client.post(CONFIGURATIONS, json=body()).json()
    at.client.auth = at.stranger()

    assert at.client.get(f"{CONFIGURATIONS}/{made['id']}").status_code == 404
    assert at.client.put(f"{CONFIGURATIONS}/{made['id']}", json=body()).status_code == 404
    assert at.client.get(CONFIGURATIONS).json()["content"] == []


def test_without_a_valid_pair_nothing_is_answered(at: Home) -> None:
    at.client.auth = None

    answer = at.client.get(CONFIGURATIONS)

    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (401, 20003, "Authenticate")


@pytest.mark.parametrize(
    "path", ["/v2/Configurations/Other/x", "/v2/ControlPlane/Configurations", "/v2/Conversations/x"]
)
def test_other_paths_are_not_found_in_the_same_shape(at: Home, path: str) -> None:
    answer = at.client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_a_conversation_configuration_is_any_well_formed_id(at: Home) -> None:
    upper = CONVERSATION_CONFIGURATION.replace("01k1", "01K1")

    assert at.client.post(CONFIGURATIONS, json=body(conversationConfigurationId=upper)).status_code == 201
