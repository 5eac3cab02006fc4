"""`polyscribe transcribe`: what is done, where it is written, what is told; once with the real recogniser."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

import servers
from polyscribe.cli import main
from polyscribe.cli.sample import SAMPLE
from polyscribe.cli.transcribe import Task, plan, write
from polyscribe.domain.errors import BadInput

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `transcribe` in the folder of the test: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["transcribe", *arguments])
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the prepared model is kept, once for all tests."""
    return tmp_path_factory.mktemp("data")


def silence(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))
    return path


def test_a_folder_is_opened_up_and_its_transcripts_go_into_a_folder_inside(tmp_path: Path) -> None:
    for name in ("b.wav", "a.mp3", "notes.txt", ".hidden.wav", "deep/c.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    tasks = plan([str(tmp_path)], ["txt", "srt"], None)

    home = tmp_path / "transcripts"
    assert [(Path(task.source).name, task.outputs) for task in tasks] == [
        ("a.mp3", (home / "a.txt", home / "a.srt")),
        ("b.wav", (home / "b.txt", home / "b.srt")),
        ("c.flac", (home / "deep/c.txt", home / "deep/c.srt")),
    ]


def test_two_sources_of_one_name_are_written_to_two_files() -> None:
    tasks = plan(["x/a.wav", "x/a.mp3", "y/a.wav", "https://h/a.wav?b"], ["txt"], Path("out"))

    names = [task.outputs[0].name for task in tasks]
    assert len(set(names)) == 4
    assert names[:2] == ["a.wav.txt", "a.mp3.txt"]


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no audio"):
        plan([str(tmp_path)], ["txt"], None)


def test_a_transcript_older_than_its_source_is_not_done(tmp_path: Path) -> None:
    source, output = tmp_path / "a.wav", tmp_path / "a.txt"
    source.touch()
    task = Task(str(source), (output,))

    before = task.is_done()
    output.touch()
    after = task.is_done()
    os.utime(source, (output.stat().st_mtime + 5, output.stat().st_mtime + 5))
    changed = task.is_done()

    assert (before, after, changed) == (False, True, False)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"

    with pytest.raises(UnicodeEncodeError):
        write(path, "\ud800")
    write(path, "whole\n")

    assert path.read_text() == "whole\n"
    assert path.stat().st_mode & 0o777 == 0o644 & ~_umask()
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]


def test_one_bad_file_names_its_reason_and_the_others_go_on(run: Run, tmp_path: Path, models: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_text("no sound at all")
    silence(tmp_path / "in/b.wav")

    code, out, err = run("in", "missing.wav", "--data-dir", str(models))

    lines = {line["file"]: line for line in map(json.loads, out.splitlines())}
    assert code == 1
    assert lines["in/b.wav"]["event"] == "done"
    assert lines["in/b.wav"]["stretches"] == [{"channel": 0, "start_ms": 0, "end_ms": 1000, "fate": "no_speech"}]
    assert (lines["in/a.wav"]["event"], lines["missing.wav"]["event"]) == ("failed", "failed")
    assert "missing.wav: No such file or directory." in err.splitlines()
    assert any(line.startswith("in/a.wav: ") for line in err.splitlines())


def test_a_folder_run_that_was_stopped_goes_on_with_what_is_left(run: Run, tmp_path: Path, models: Path) -> None:
    for name in ("a.wav", "b.wav"):
        silence(tmp_path / "in" / name)
    run("in/a.wav", "--output", "in/transcripts", "--data-dir", str(models))

    code, out, _ = run("in", "--data-dir", str(models))
    again, out_again, _ = run("in", "--overwrite", "--data-dir", str(models))

    assert (code, again) == (0, 0)
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["skipped", "done"]
    assert [json.loads(line)["event"] for line in out_again.splitlines()] == ["done", "done"]


def test_without_a_data_directory_the_model_is_kept_in_the_cache_of_the_user(run: Run, tmp_path: Path) -> None:
    silence(tmp_path / "a.wav")

    code, _, _ = run("a.wav")

    assert code == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.wav", "cache"]


@pytest.mark.real
def test_the_sample_call_is_transcribed_with_the_right_words_on_the_right_side(
    run: Run, tmp_path: Path, models: Path
) -> None:
    shutil.copy(SAMPLE, tmp_path / "call.flac")

    code, out, _ = run("call.flac", "--format", "txt,json,srt,vtt", "--output", "out", "--data-dir", str(models))

    lines = (tmp_path / "out/call.txt").read_text().splitlines()
    said = {side: " ".join(line for line in lines if line.startswith(f"Channel {side}")) for side in (1, 2)}
    assert (code, json.loads(out.splitlines()[-1])["event"]) == (0, "done")
    assert "your last name" in said[1]
    assert "insurance card" in said[1]
    assert "My last name is Carter" in said[2]
    assert "move my appointment from Tuesday to Friday" in said[2]
    assert json.loads((tmp_path / "out/call.json").read_text())["channels"] == 2
    assert (tmp_path / "out/call.vtt").read_text().startswith("WEBVTT\n")
    assert " --> " in (tmp_path / "out/call.srt").read_text()


@pytest.mark.real
def test_a_folder_run_that_was_killed_does_nothing_twice(tmp_path: Path, models: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    for number in range(4):
        shutil.copy(SAMPLE, calls / f"{number}.flac")
    command = servers.command("transcribe", str(calls), "--data-dir", str(models))

    # What a killed run leaves lying about is to lie in the folder of the test.
    own = {**os.environ, "TMPDIR": str(tmp_path)}
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path, env=own)
    assert first.stdout is not None
    with first.stdout as lines:
        while b'"event": "done"' not in lines.readline():
            assert first.poll() is None
        first.kill()
        first.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in (calls / "transcripts").glob("*.txt")}
    second = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)

    after = {path.name: path.stat().st_mtime_ns for path in (calls / "transcripts").glob("*.txt")}
    events = [json.loads(line)["event"] for line in second.stdout.splitlines()]
    assert finished.items() <= after.items()
    assert len(after) == 4
    assert events.count("skipped") == len(finished) >= 1


@pytest.mark.real
def test_on_a_terminal_there_are_a_bar_and_the_text(tmp_path: Path, models: Path) -> None:
    ours, theirs = pty.openpty()
    command = servers.command("transcribe", str(SAMPLE), "--data-dir", str(models))

    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, cwd=tmp_path)
    os.close(theirs)
    shown = _all_of(ours)

    assert process.wait() == 0
    assert "call.flac" in shown
    assert "%" in shown
    assert "Channel 2: My last name is Carter" in shown
    assert "{" not in shown


def _all_of(terminal: int) -> str:
    content = b""
    # A terminal whose other side is closed answers with an error, not with an end.
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            content += piece
    os.close(terminal)
    return content.decode()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
