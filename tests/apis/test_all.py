"""What holds for every API: nothing that can happen is without a word in its language."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from polyscribe import apis, testing
from polyscribe.domain import errors
from polyscribe.domain.errors import EngineFault, FetchFault, PolyscribeError, SourceFault
from polyscribe.domain.transcription import Fault, Status
from polyscribe.web.api import Api

FOUND = {api.name: api for api in apis.found()}
WITH_JOBS = [name for name, api in FOUND.items() if api.face is not None]
ERRORS: list[Exception] = [
    errors.BadInput("A value is missing."),
    errors.NotAuthenticated("Authenticate"),
    errors.NotAllowed("The key lacks a scope."),
    errors.NotFound("There is nothing."),
    errors.Conflict("The name is taken."),
    errors.Unavailable("Nothing that is installed can do it."),
    errors.TooMany("Too many requests.", 1.0),
    errors.FetchFailed(FetchFault.TIMED_OUT, "There was no answer in time."),
    errors.SourceFailed(SourceFault.CORRUPT, "The file is broken."),
    errors.EngineFailed(EngineFault.CRASHED, "The recogniser crashed."),
    errors.StoreFailed("The database did not answer."),
    HTTPException(404),
    HTTPException(405),
    ZeroDivisionError("a secret"),
]
FAULTS = [
    *(Fault("fetch", fault, "No media.") for fault in FetchFault),
    *(Fault("source", fault, "No audio.") for fault in SourceFault),
    *(Fault("engine", fault, "No words.") for fault in EngineFault),
    *(Fault(kind, kind, "No.") for kind in ("missing", "refused", "internal", "something new")),
]


def translate(name: str) -> Any:
    return import_module(f"polyscribe.apis.{name}.translate")


def leaves(kind: type[Exception]) -> set[type[Exception]]:
    """The errors of the tree that are raised as they are."""
    below = {each for each in kind.__subclasses__() if each.__module__ == errors.__name__}
    return {kind} if not below else {leaf for each in below for leaf in leaves(each)}


def test_the_list_of_errors_is_complete() -> None:
    assert leaves(PolyscribeError) <= {type(each) for each in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("name", FOUND)
def test_every_error_is_told_and_no_surprise_tells_of_itself(name: str, error: Exception) -> None:
    body = translate(name).problem(error, "/path")

    assert body
    assert "a secret" not in str(body)


@pytest.mark.parametrize("name", WITH_JOBS)
def test_every_status_has_a_word(name: str) -> None:
    assert set(translate(name).STATUS) == set(Status)


@pytest.mark.parametrize("name", WITH_JOBS)
def test_every_fault_has_a_number_of_its_own_table(name: str) -> None:
    numbers = {translate(name).code_of(fault) for fault in FAULTS}

    assert len(numbers) > 5
    assert all(numbers)


@pytest.mark.parametrize("name", FOUND)
def test_the_face_carries_the_name_of_its_api(name: str) -> None:
    face = FOUND[name].face

    assert face is None or face.name == name


def prefixes() -> list[tuple[str, str]]:
    return [(prefix, name) for name, api in FOUND.items() for prefix in api.prefixes]


def test_no_two_apis_have_one_prefix() -> None:
    found = [prefix for prefix, _ in prefixes()]

    assert len(found) == len(set(found))


@pytest.mark.parametrize("api", FOUND.values(), ids=list(FOUND))
def test_every_route_lies_below_a_prefix_of_its_api_and_says_what_it_does(api: Api, tmp_path: Path) -> None:
    app = testing.app(tmp_path)

    paths = api.make(app).openapi()["paths"]

    app.database.close()
    assert [path for path in paths if not any(path == p or path.startswith(p + "/") for p in api.prefixes)] == []
    assert all(method.get("summary") for methods in paths.values() for method in methods.values())
    owners = {max((p for p, _ in prefixes() if path == p or path.startswith(p + "/")), key=len) for path in paths}
    assert owners <= set(api.prefixes)


def test_strict_limits_are_never_wider() -> None:
    strict = {api.name: api.face for api in apis.found(strict_limits=True) if api.face is not None}

    for name in WITH_JOBS:
        usual = FOUND[name].face
        assert usual is not None
        assert strict[name].limits.max_bytes <= usual.limits.max_bytes
        assert strict[name].limits.min_ms >= usual.limits.min_ms
        assert usual.limits.formats is None or strict[name].limits.formats is not None
