"""The application in front of all APIs: who gets a request, and what the server says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from polyscribe import testing
from polyscribe.domain.errors import StoreFailed
from polyscribe.services.app import App
from polyscribe.telemetry import listen
from polyscribe.web import answers, twilio
from polyscribe.web.api import Api
from polyscribe.web.root import root


def api(name: str, *prefixes: str) -> Api:
    """An API that answers with its name and the path that it saw."""

    def make(_app: App) -> FastAPI:
        made = twilio.application(name, "1")
        for prefix in prefixes:

            @made.get(prefix + "/things/{thing}", summary=f"A thing of {name}")
            async def thing(request: Request, thing: str) -> dict[str, str]:
                return {"api": name, "thing": thing, "url": str(request.url.path)}

        @made.get(prefixes[0] + "/broken")
        async def broken() -> None:
            raise ZeroDivisionError("a secret")

        answers.shape_errors(made, twilio.answer_legacy)
        return made

    return Api(name, f"The {name} API", prefixes, make)


@contextmanager
def served(
    folder: Path, checks: Mapping[str, Callable[[], object]] | None = None, **changes: Any
) -> Iterator[TestClient]:
    app = testing.app(folder, {}, **changes)
    apis = [api("wide", "/v2"), api("narrow", "/v2/things", "/v3")]
    application = root(app, apis, checks=checks or {}, metrics=lambda: "up 1\n")
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client
    app.database.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with served(tmp_path) as made:
        yield made


def test_the_longest_prefix_gets_the_request(client: TestClient) -> None:
    assert client.get("/v2/things/things/1").json()["api"] == "narrow"
    assert client.get("/v2/things/1").status_code == 404  # the wide API has this path, but it is not asked
    assert client.get("/v3/things/1").json() == {"api": "narrow", "thing": "1", "url": "/v3/things/1"}


def test_a_prefix_ends_where_a_name_ends(client: TestClient) -> None:
    assert client.get("/v22/things/1").json() == {"error": "There is nothing at this path."}


def test_below_a_prefix_the_api_says_that_nothing_is_there(client: TestClient) -> None:
    answer = client.get("/v3/other")

    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_a_final_slash_is_no_other_path_and_nobody_is_sent_on(client: TestClient) -> None:
    answer = client.get("/v3/things/1/", follow_redirects=False)

    assert (answer.status_code, answer.json()["thing"]) == (200, "1")
    assert client.get("/healthz/", follow_redirects=False).status_code == 200


def test_a_prefix_in_front_may_be_stripped_or_not(tmp_path: Path) -> None:
    with served(tmp_path, public_url="https://a.test/faces/x") as client:
        assert client.get("/faces/x/v3/things/1").json()["thing"] == "1"
        assert client.get("/v3/things/1").json()["thing"] == "1"
        assert client.get("/faces/x").status_code == 200
        assert client.get("/faces/x/healthz").json() == {"status": "ok"}
        assert client.get("/faces/y/healthz").status_code == 404


def test_the_server_lives(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_the_server_is_ready_when_every_check_passes(tmp_path: Path) -> None:
    with served(tmp_path, {"database": lambda: None, "blobs": lambda: 5}) as client:
        answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["checks"]) == (200, {"database": "ok", "blobs": "ok"})


def test_the_server_says_why_it_is_not_ready(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "/srv/somebody is full")

    def down() -> None:
        raise StoreFailed("The database did not answer.")

    with served(tmp_path, {"database": down, "blobs": full, "engine": lambda: None}) as client:
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "The database did not answer.", "blobs": "OSError", "engine": "ok"}


def test_figures_are_given_as_prometheus_reads_them(client: TestClient) -> None:
    answer = client.get("/metrics")

    assert answer.text == "up 1\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_all_routes_are_documented_by_api(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    page = client.get("/docs").text

    assert document["servers"] == [{"url": "http://testserver"}]
    assert document["paths"]["/v3/things/{thing}"]["get"]["tags"] == ["The narrow API"]
    assert document["paths"]["/v3/things/{thing}"]["get"]["security"] == [{"basic": []}]
    assert {"/v2/things/{thing}", "/v2/broken", "/v2/things/things/{thing}"} <= set(document["paths"])
    assert "<h2>The wide API</h2>" in page
    assert "A thing of narrow" in page


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_need_nothing_from_elsewhere(client: TestClient, path: str) -> None:
    page = client.get(path).text

    assert "http" not in page.replace("http://testserver", "")
    assert "<script" not in page


def test_the_first_page_says_where_everything_is(client: TestClient) -> None:
    page = client.get("/").text

    assert "http://testserver/v2/things" in page
    assert "The wide API" in page


def requests_told(act: Callable[[], object]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    stop = listen(lambda name, facts: told.append(dict(facts)) if name == "request" else None)
    act()
    stop()
    return told


def test_a_request_is_told_by_its_route_and_not_by_its_path(client: TestClient) -> None:
    told = requests_told(lambda: client.get("/v3/things/secret?token=secret", headers={"Authorization": "secret"}))

    assert [(each["api"], each["method"], each["route"], each["status"]) for each in told] == [
        ("narrow", "GET", "/v3/things/{thing}", 200)
    ]
    assert "secret" not in str(told)
    assert told[0]["ms"] >= 0


def test_a_surprise_is_told_too_and_tells_nothing_of_itself(client: TestClient) -> None:
    told = requests_told(lambda: client.get("/v2/broken"))

    assert [each["status"] for each in told] == [500]
    assert "a secret" not in client.get("/v2/broken").text


def test_what_is_nowhere_is_told_without_its_path(client: TestClient) -> None:
    assert [each["route"] for each in requests_told(lambda: client.get("/secret"))] == ["unknown"]
