"""How `polyscribe transcribe` tells what it does: with a progress bar for people, in JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from polyscribe.services import exports

if TYPE_CHECKING:
    from polyscribe.domain.transcript import Transcript

TELL_EVERY_S = 1.0
"""A program is told of progress so often, at most, for each file."""

Progress = Callable[[int, int], None]


class Report(Protocol):
    """What is told of each source; `following` may be used by several threads, the rest by one."""

    def following(self, source: str) -> Any:
        """A context that gives a `Progress`, for the time in which the source is worked on."""
        ...

    def done(self, source: str, transcript: Transcript, outputs: Sequence[Path]) -> None: ...

    def skipped(self, source: str, outputs: Sequence[Path]) -> None: ...

    def failed(self, source: str, why: str) -> None: ...


@contextmanager
def report_for(forms: Sequence[str], count: int, *, is_printing: bool) -> Iterator[Report]:
    """The report that fits where our output goes; `is_printing`: transcripts are wanted there, also in a pipe."""
    with ExitStack() as stack:
        if sys.stdout.isatty() or is_printing:
            yield stack.enter_context(_terminal(forms, count))
        else:
            yield _Lines()


@contextmanager
def _terminal(forms: Sequence[str], count: int) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield _Bars(bars, forms, count)


class _Bars:
    """Progress bars on standard error, transcripts on standard output."""

    def __init__(self, bars: Any, forms: Sequence[str], count: int) -> None:
        self._bars = bars
        self._forms = forms
        self._count = count
        self._all = bars.add_task(f"{count} files", total=count) if count > 1 else None

    @contextmanager
    def following(self, source: str) -> Iterator[Progress]:
        from rich.markup import escape

        task = self._bars.add_task(escape(Path(source).name), total=None)
        try:
            yield lambda done_ms, total_ms: self._bars.update(task, completed=done_ms, total=total_ms)
        finally:
            self._bars.remove_task(task)

    def done(self, source: str, transcript: Transcript, outputs: Sequence[Path]) -> None:
        self._advance()
        if outputs:
            self._say(f"{source} -> {', '.join(map(str, outputs))}")
            return
        for form in self._forms:
            self._show(source, form, exports.render(transcript, form))

    def skipped(self, source: str, outputs: Sequence[Path]) -> None:
        self._advance()
        self._say(f"{source}: done before ({', '.join(map(str, outputs))}); --overwrite does it again")

    def failed(self, source: str, why: str) -> None:
        self._advance()
        self._say(f"{source}: {why}")

    def _show(self, source: str, form: str, text: str) -> None:
        if form == "json":
            # One document a line: the same to read for a single file and for many.
            text = json.dumps({"file": source, **json.loads(text)}, ensure_ascii=False) + "\n"
        elif self._count > 1:
            text = f"== {source}\n{text}"
        self._above(text.rstrip("\n"), sys.stdout)

    def _say(self, line: str) -> None:
        self._above(line, sys.stderr)

    def _above(self, text: str, stream: Any) -> None:
        """Print above the bars; rich only moves them out of the way."""
        self._bars.stop()
        stream.write(text + "\n")
        stream.flush()
        self._bars.start()

    def _advance(self) -> None:
        if self._all is not None:
            self._bars.advance(self._all)


class _Lines:
    """One JSON object a line on standard output; reasons of failures on standard error too."""

    @contextmanager
    def following(self, source: str) -> Iterator[Progress]:
        told_at = time.monotonic()

        def progress(done_ms: int, total_ms: int) -> None:
            nonlocal told_at
            if time.monotonic() - told_at >= TELL_EVERY_S:
                told_at = time.monotonic()
                _line({"event": "progress", "file": source, "done_ms": done_ms, "duration_ms": total_ms})

        yield progress

    def done(self, source: str, transcript: Transcript, outputs: Sequence[Path]) -> None:
        content = json.loads(exports.render(transcript, "json"))
        _line({"event": "done", "file": source, "outputs": [str(path) for path in outputs], **content})

    def skipped(self, source: str, outputs: Sequence[Path]) -> None:
        _line({"event": "skipped", "file": source, "outputs": [str(path) for path in outputs]})

    def failed(self, source: str, why: str) -> None:
        _line({"event": "failed", "file": source, "error": why})
        sys.stderr.write(f"{source}: {why}\n")


def _line(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()
