"""The program around the commands: help, version, options that may stand anywhere, errors in one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polyscribe import __version__
from polyscribe.cli import hoisted, main
from polyscribe.cli.options import message_of
from polyscribe.domain.errors import FetchFailed, FetchFault


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the program in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_help_names_every_command(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("--help")

    names = ["transcribe", "serve", "worker", "migrate", "export", "engines", "doctor", "account", "key", "recording"]
    assert code == 0
    assert [name for name in names if name not in out] == []


def test_help_imports_nothing_that_is_slow() -> None:
    slow = {"numpy", "sqlalchemy", "dbos", "fastapi", "onnxruntime", "av", "pydantic_settings", "structlog"}
    look = (
        "import sys; from polyscribe.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted(set(sys.modules) & set(sys.argv[1:])), file=sys.stderr)"
    )

    seen = subprocess.run([sys.executable, "-c", look, *slow], check=True, capture_output=True, text=True)

    assert seen.stderr.strip() == "[]"


def test_the_version_is_that_of_the_package(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("--version") == (0, f"polyscribe {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["serv"], 2, "Did you mean 'serve'?"),
        (["serve", "--prt", "1"], 2, "--port"),
        (["serve", "--port", "many", "--print-config"], 2, "integer"),
        (["serve", "--config", "none.toml", "--print-config"], 2, "none.toml cannot be read"),
        (["worker"], 2, "POLYSCRIBE_DATABASE_URL"),
        (["transcribe", "x.wav", "--format", "pdf"], 2, "txt, json, srt, vtt"),
        (["transcribe", "x.wav", "--language", "xx"], 1, "polyscribe engines"),
        (["export", "GT12"], 2, "is not an id"),
        (["key", "revoke", "nonsense"], 2, "polyscribe key list"),
        (["recording", "import", __file__, "--account", "a", "--sid", "RE1"], 2, "32 lower-case"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    run: Callable[..., tuple[int, str, str]], arguments: list[str], code: int, message: str
) -> None:
    left, out, err = run(*arguments)

    assert (left, out) == (code, "")
    assert err.count("\n") == 1
    assert err.startswith("polyscribe: ")
    assert message in err


def test_a_worker_on_another_machine_needs_the_key_of_the_server(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYSCRIBE_DATABASE_URL", "postgresql://db.example.com/calls")

    code, _, err = run("worker")

    assert (code, "POLYSCRIBE_SECRET_KEY" in err) == (2, True)


def test_debug_shows_the_traceback_wherever_it_stands(run: Callable[..., tuple[int, str, str]]) -> None:
    _, _, err = run("export", "GT12", "--debug")

    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("polyscribe: ")


def test_options_of_the_program_may_stand_behind_the_command() -> None:
    given = ["serve", "--data-dir", "a b", "--port", "1", "--config=x.toml", "--debug"]

    assert hoisted(given) == ["--data-dir", "a b", "--config=x.toml", "--debug", "serve", "--port", "1"]


def test_what_stands_behind_two_dashes_is_left_alone() -> None:
    assert hoisted(["transcribe", "--", "--debug"]) == ["transcribe", "--", "--debug"]


def test_effective_settings_are_shown_with_flags_on_top(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POLYSCRIBE_PORT", "1")
    monkeypatch.setenv("POLYSCRIBE_SECRET_KEY", "0123456789abcdef")

    code, out, _ = run("serve", "--print-config", "--port", "2", "--data-dir", str(tmp_path / "elsewhere"))

    assert code == 0
    assert "port = 2" in out.splitlines()
    assert f'data_dir = "{tmp_path}/elsewhere"' in out.splitlines()
    assert "0123456789abcdef" not in out
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_refused_names_the_setting_that_allows_it() -> None:
    refused = FetchFailed(FetchFault.FORBIDDEN_ADDRESS, "10.0.0.1 may not be opened.")

    assert "POLYSCRIBE_ALLOWED_PRIVATE_HOSTS" in message_of(refused)


def test_an_error_nobody_thought_of_asks_for_a_report_in_one_line() -> None:
    assert message_of(ValueError("a\nb")).startswith("Unexpected ValueError: a b. ")
