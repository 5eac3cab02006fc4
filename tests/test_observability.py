"""Observability: what a log line may show, and how figures come together."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from polyscribe import observability, telemetry, testing


@dataclass
class Log:
    """A log that is written into memory."""

    stream: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def started() -> Iterator[Callable[[str], Log]]:
    """Starts logging in a format; afterwards the loggers are as they were."""
    root = logging.getLogger()
    before, level, stops = root.handlers[:], root.level, []

    def start(log_format: str) -> Log:
        log = Log()
        stops.append(observability.start_logging(log_format, "api", log.stream))
        return log

    yield start
    for stop in stops:
        stop()
    root.handlers[:] = before
    root.setLevel(level)


def test_what_happened_is_one_json_line_with_its_facts(started: Callable[[str], Log]) -> None:
    log = started("auto")

    telemetry.emit("transcription_done", transcription="42", audio_ms=1500)

    (line,) = log.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "transcription_done",
        "level": "info",
        "part": "api",
        "transcription": "42",
        "audio_ms": 1500,
    }


def test_what_failed_is_a_warning(started: Callable[[str], Log]) -> None:
    log = started("json")

    telemetry.emit("transcription_failed", fault="timed_out")

    assert log.lines[0]["level"] == "warning"


def test_on_the_console_a_line_is_for_people(started: Callable[[str], Log]) -> None:
    log = started("console")

    telemetry.emit("worker_started", executor="w1")

    assert "worker_started" in log.text
    assert "executor=w1" in log.text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_line_shows_passwords_and_queries_of_urls_whoever_wrote_it(
    started: Callable[[str], Log], log_format: str
) -> None:
    log = started(log_format)

    logging.getLogger("somebody").warning("got %s", "https://me:hush@media.example.com/a.wav?sig=hush#hush")

    assert "https://media.example.com/a.wav?" in log.text
    assert "hush" not in log.text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_does_not_show_the_values_of_variables(started: Callable[[str], Log], log_format: str) -> None:
    log = started(log_format)
    token = "hush" * 2

    try:
        raise ValueError(len(token))
    except ValueError:
        logging.getLogger("somebody").exception("broke")

    assert "ValueError: 8" in log.text
    assert "hushhush" not in log.text


def test_other_peoples_chatter_is_left_out(started: Callable[[str], Log]) -> None:
    log = started("json")

    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("dbos").warning("careful")

    assert [line["event"] for line in log.lines] == ["careful"]


def test_figures_tell_the_transcriptions_by_state(tmp_path: Path) -> None:
    application = testing.app(tmp_path)

    text = observability.metrics(application)

    assert 'polyscribe_transcriptions{status="waiting"} 0.0' in text


def test_figures_of_several_processes_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = tmp_path / "figures"
    figures.mkdir()
    monkeypatch.setenv(observability.FIGURES_DIR, str(figures))
    tell = (
        "from polyscribe import observability, telemetry; observability.start_counting();"
        "telemetry.emit('transcription_done', audio_ms=1500)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", tell], check=True)

    text = observability.metrics(testing.app(tmp_path))

    assert 'polyscribe_events_total{event="transcription_done",fault=""} 2.0' in text
    assert "polyscribe_audio_seconds_total 3.0" in text
