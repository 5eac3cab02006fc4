"""`polyscribe account`, `key`, `recording`, `export`, `engines`, `doctor`: what they print, and that it then holds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyscribe import wiring
from polyscribe.cli import main
from polyscribe.cli.recordings import uuid_of
from polyscribe.cli.sample import SAMPLE
from polyscribe.domain.errors import BadInput, NotAuthenticated
from polyscribe.services import access, recordings
from polyscribe.settings import read

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the program on a data directory of the test: exit code and standard output, or the error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*arguments, "--data-dir", str(data_dir)])
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out or err

    return run


@pytest.fixture
def acme(run: Run) -> dict[str, Any]:
    """The credentials of an account."""
    _, out = run("account", "create", "Acme", "--json")
    credentials: dict[str, Any] = json.loads(out)
    return credentials


def test_an_account_has_a_working_credential_for_each_api(acme: dict[str, Any], data_dir: Path) -> None:
    app = wiring.application(read({"data_dir": data_dir}, environment={}))
    twilio = acme["twilio"]

    callers = [
        access.by_pair(app, twilio["account_sid"], twilio["auth_token"]),
        access.by_pair(app, twilio["api_key_sid"], twilio["api_key_secret"]),
        *(access.by_bearer(app, acme[api][name]) for api, name in BEARERS.items()),
    ]
    app.database.close()

    assert {str(caller.account.id) for caller in callers} == {acme["id"]}
    assert list(acme) == ["id", "name", "twilio", "bota", "trustpager", "voipbin", "openai"]
    assert list(twilio) == ["account_sid", "auth_token", "api_key_sid", "api_key_secret"]


BEARERS = {"bota": "secret_key", "trustpager": "key", "voipbin": "access_key", "openai": "api_key"}


def test_credentials_for_people_say_that_they_are_shown_once(run: Run) -> None:
    code, out = run("account", "create", "Acme")

    assert code == 0
    assert "shown this once" in out
    assert re.search(r"twilio +account_sid +AC[0-9a-f]{32}\n", out)


def test_a_taken_name_is_refused_in_one_line(run: Run, acme: dict[str, Any]) -> None:
    assert run("account", "create", "Acme") == (1, "polyscribe: An account named 'Acme' exists already.\n")


@pytest.mark.parametrize("api", ["twilio", "bota", "ingest"])
def test_a_key_works_until_it_is_revoked(run: Run, acme: dict[str, Any], data_dir: Path, api: str) -> None:
    _, out = run("key", "create", "--account", "Acme", "--api", api, "--scope", "read", "--json")
    made = json.loads(out)
    _, listed = run("key", "list", "--account", "Acme", "--json")
    app = wiring.application(read({"data_dir": data_dir}, environment={}))

    def show() -> access.Caller:
        return (
            access.by_pair(app, made["id"], made["secret"])
            if api == "twilio"
            else access.by_bearer(app, made["secret"])
        )

    scopes = show().credential.scopes
    revoked, _ = run("key", "revoke", made["id"])
    with pytest.raises(NotAuthenticated):
        show()
    app.database.close()

    assert (scopes, revoked) == (frozenset({"read"}), 0)
    assert made["secret"] not in listed
    assert [line["scopes"] for line in json.loads(listed) if line["scopes"]] == [["read"]]


def test_a_key_that_does_not_exist_cannot_be_revoked(run: Run, acme: dict[str, Any]) -> None:
    code, message = run("key", "revoke", acme["id"])

    assert code == 1
    assert "polyscribe key list" in message


def test_an_imported_recording_is_found_by_its_sid_with_its_call(
    run: Run, acme: dict[str, Any], data_dir: Path, tmp_path: Path
) -> None:
    shutil.copy(SAMPLE, tmp_path / "call.flac")
    sid = "RE" + "0123456789abcdef" * 2

    numbers = ("--from", "+61255501234", "--to", "+61255505678", "--direction", "outbound")
    code, out = run("recording", "import", "call.flac", "--account", "Acme", "--sid", sid, *numbers, "--json")

    shown = json.loads(out)
    app = wiring.application(read({"data_dir": data_dir}, environment={}))
    owner = access.account_named(app, "Acme").id
    found = recordings.find(app, owner, uuid_of(sid))
    call = recordings.find_call(app, owner, uuid_of(shown["call_sid"]))
    app.database.close()
    assert (code, shown["sid"], shown["channels"], shown["duration_ms"]) == (0, sid, 2, found.duration_ms)
    assert (call.from_address, call.to_address, call.direction.value) == ("+61255501234", "+61255505678", "outbound")
    assert found.media_type == "audio/flac"


def test_a_recording_that_is_no_audio_is_refused(run: Run, acme: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")

    code, message = run("recording", "import", "a.wav", "--account", "Acme")

    assert (code, message.count("\n")) == (1, 1)


def test_an_export_of_what_is_not_there_says_so(run: Run) -> None:
    assert run("export", "GT" + "0" * 32) == (1, "polyscribe: There is no transcript yet.\n")


@pytest.mark.parametrize(
    "spelling",
    [
        "GT" + "0a" * 16,
        "0a" * 16,
        "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a",
        "voice_transcription_" + "0a1850m2ga1850m2ga1850m2ga",
    ],
)
def test_an_id_is_understood_in_every_spelling(spelling: str) -> None:
    assert uuid_of(spelling).hex == "0a" * 16


@pytest.mark.parametrize("nonsense", ["", "GT", "GT" + "0" * 31, "x" * 32])
def test_what_is_no_id_is_refused(nonsense: str) -> None:
    with pytest.raises(BadInput):
        uuid_of(nonsense)


def test_engines_are_listed_with_what_they_can_do(run: Run) -> None:
    _, out = run("engines", "--json")

    bundled = next(line for line in json.loads(out) if line["name"] == "moonshine")
    assert bundled == {
        "name": "moonshine",
        "installed": True,
        "languages": ["en"],
        "streaming": False,
        "words": True,
        "diarization": False,
        "model_present": True,
        "licence": "MIT",
        "install": "",
    }


def test_a_table_in_a_pipe_is_cut_at_tabs(run: Run) -> None:
    _, out = run("engines")

    assert out.splitlines()[0].split("\t")[:2] == ["name", "installed"]


@pytest.mark.real
def test_the_doctor_finds_a_fresh_machine_well(run: Run) -> None:
    code, out = run("doctor", "--json")

    found = json.loads(out)
    assert (code, found["ok"]) == (0, True)
    assert [each["name"] for each in found["checks"]] == ["database", "blobs", "engine", "decoder", "disk", "clock"]


def test_the_doctor_says_what_to_do_about_a_database_that_does_not_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYSCRIBE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1")

    code, out = run("doctor", "--json")

    database = json.loads(out)["checks"][0]
    assert (code, database["ok"]) == (1, False)
    assert "DATABASE_URL" in database["advice"]
