"""What the operator sees of the running server: log lines and figures, made of what `telemetry` tells.

No line carries the query of a URL, a secret or what somebody said: lines are cleaned last of all, whoever wrote them.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from polyscribe import telemetry

if TYPE_CHECKING:
    from polyscribe.services.app import App

FIGURES_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""Environment name of the folder through which the processes of one machine add up their figures."""

QUIET = ("uvicorn", "uvicorn.access", "dbos", "alembic", "sqlalchemy", "httpcore2", "httpx2", "asyncio", "obstore")
"""Loggers of other people that speak up from warnings on; what they tell below that, telemetry tells better."""

ONLY_COUNTED = frozenset({"piece_recognised"})
"""What happens too often for a line each."""

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""What load balancers ask every few seconds; a line is due when all is not well."""

OK = 200

_EVENTS = Counter("polyscribe_events", "What happened, by name and fault.", ["event", "fault"])
_AUDIO = Counter("polyscribe_audio_seconds", "Audio that was transcribed.")
_RECOGNITION = Counter("polyscribe_recognition_cpu_seconds", "Processor time of recognition.")
_URL = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?:[^\s/@\"']*@)?(?P<rest>[^\s?#\"'<>]*)(?P<query>[?#][^\s\"'<>]*)?"
)


def start_logging(log_format: str, part: str, stream: TextIO | None = None) -> Callable[[], None]:
    """Log to `stream` (standard error) as `console`, `json` or `auto`; every line names its `part` of the server.

    The returned function stops telling what telemetry tells.
    """
    out = stream or sys.stderr
    is_console = log_format == "console" or (log_format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter(part, is_console, is_console and out.isatty()))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in QUIET:
        quiet = logging.getLogger(name)
        quiet.setLevel(logging.WARNING)
        quiet.handlers.clear()
        quiet.propagate = True
    logger = logging.getLogger("polyscribe")

    def tell(name: str, facts: dict[str, telemetry.Fact]) -> None:
        if name in ONLY_COUNTED or (facts.get("route") in PROBES and facts.get("status") == OK):
            return
        level = logging.WARNING if "failed" in name or "lost" in name else logging.INFO
        logger.log(level, name, extra={"facts": facts})

    return telemetry.listen(tell)


def start_counting() -> Callable[[], None]:
    """Count what telemetry tells in this process; the returned function stops it."""
    return telemetry.listen(_count)


def metrics(app: App) -> str:
    """All figures as Prometheus text: of this process tree, and the transcriptions by state from the database.

    Raises:
        StoreFailed: the database did not answer.
    """
    registry = CollectorRegistry()
    if FIGURES_DIR in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Ours())
    registry.register(_States(app))
    return generate_latest(registry).decode()


class _Ours(Collector):
    """The figures of a process that shares none."""

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()


class _States(Collector):
    """How many transcriptions stand in each state."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        from polyscribe.domain.transcription import Status
        from polyscribe.services.transcriptions import counts

        found = counts(self._app)
        family = GaugeMetricFamily("polyscribe_transcriptions", "Transcriptions by state.", labels=["status"])
        for status in Status:
            family.add_metric([status.value], found.get(status, 0))
        yield family


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """One line for a record; tracebacks without the values of variables, which may be secrets."""

    def __init__(self, part: str, is_console: bool, has_colours: bool) -> None:
        renderer: Any = structlog.processors.JSONRenderer()
        if is_console:
            renderer = structlog.dev.ConsoleRenderer(
                colors=has_colours, exception_formatter=structlog.dev.plain_traceback
            )
        super().__init__(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([] if is_console else [structlog.processors.format_exc_info]),
                renderer,
            ],
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.ExtraAdder(["facts"]),
                _spread_facts,
                lambda _logger, _method, line: {**line, "part": part},
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        return without_queries(super().format(record))


def without_queries(text: str) -> str:
    """The text with every URL cut down to scheme, host and path: what follows may be a signature or a key."""
    return _URL.sub(lambda url: url["scheme"] + url["rest"] + ("?…" if url["query"] else ""), text)


def _spread_facts(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    facts = line.pop("facts", {})
    return {**line, **facts}


def _count(name: str, facts: dict[str, telemetry.Fact]) -> None:
    _EVENTS.labels(name, str(facts.get("fault", ""))).inc()
    audio_ms = facts.get("audio_ms")
    if name == "transcription_done" and isinstance(audio_ms, int):
        _AUDIO.inc(audio_ms / 1000)
    cpu_s = facts.get("cpu_s")
    if name == "piece_recognised" and isinstance(cpu_s, float):
        _RECOGNITION.inc(cpu_s)
