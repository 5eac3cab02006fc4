"""Our diarizer against that of the bare library: error rate, number of speakers, cost, and cost by length.

    python benchmarks/diarization.py [--hours] [--ours] [--short | --long] [--out figures.json]

Every measurement runs in a process of its own (the library keeps state for the whole process). Error rates have a
collar of 0.25 s, by spy-der; everything from 0 to the end of the file counts. CPU seconds are those of one thread.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from dialogues import Dialogue, SpokenTurn, mixed, recorded
from spyder import DER

from polyscribe.ports import SAMPLE_RATE_HZ, Samples

COLLAR_S = 0.25
CACHE = Path(gettempdir()) / "polyscribe-benchmark"
KEPT = CACHE / "diarization-library.json"
"""What the library made of each dialogue, so that a run that was broken off goes on; delete it to measure again."""
_OPTIONS = {
    b"skip_transcription": b"true",
    b"identify_speakers": b"true",
    b"diarization_analyze_cadence": b"2",
    b"vad_threshold": b"0",
    b"return_audio_data": b"false",
}
"""With the detector off the spans of the library are whole; with it on they are clipped to lines, and score worse."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one diarizer made of one sound."""

    turns: tuple[SpokenTurn, ...]
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Score:
    """Seconds of reference speech, and of each kind of error."""

    speech_s: float
    missed_s: float
    false_s: float
    confused_s: float
    speakers: int
    found: int

    @property
    def error(self) -> float:
        return (self.missed_s + self.false_s + self.confused_s) / self.speech_s


@dataclass(frozen=True, slots=True)
class Looped:
    """Dialogues one after the other, again and again: hours of sound in the memory of minutes."""

    parts: tuple[Dialogue, ...]
    length: int
    channels: int = 1

    def read(self, channel: int, start: int, stop: int) -> Samples:
        start, stop = max(0, start), min(stop, self.length)
        pieces = []
        around = sum(part.sound.length for part in self.parts)
        offset = start // around * around
        while offset < stop:
            for part in self.parts:
                pieces.append(part.sound.read(channel, start - offset, stop - offset))
                offset += part.sound.length
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def ours(sound: Any, speakers: int | None = None) -> Result:
    from polyscribe import diarization

    diarizer = diarization.load(CACHE / "models")
    before = time.process_time()
    turns = diarizer.turns(sound, 0, speakers)
    cpu_s = time.process_time() - before
    return Result(
        tuple((str(turn.speaker), turn.start_ms / 1000, turn.end_ms / 1000) for turn in turns), cpu_s, _peak_mib()
    )


def library(sound: Any, speakers: int | None = None) -> Result:
    os.environ["MOONSHINE_ORT_SINGLE_THREAD"] = "1"
    import moonshine_voice
    from moonshine_voice.moonshine_api import TranscriberOptionC, TranscriptC, _MoonshineLib

    lib = _MoonshineLib().lib
    model = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
    options = (TranscriberOptionC * len(_OPTIONS))(*(TranscriberOptionC(*pair) for pair in _OPTIONS.items()))
    handle = lib.moonshine_load_transcriber_from_files(str(model).encode(), 0, options, len(options), 20_000)
    samples = sound.read(0, 0, sound.length)
    found = ctypes.POINTER(TranscriptC)()
    before = time.process_time()
    error = lib.moonshine_transcribe_without_streaming(
        handle,
        samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
        len(samples),
        SAMPLE_RATE_HZ,
        0,
        ctypes.byref(found),
    )
    cpu_s = time.process_time() - before
    if error:
        raise RuntimeError(f"the library gave up: {error}")
    lines = [found.contents.lines[index] for index in range(found.contents.line_count)]
    spans = [line.speaker_spans[index] for line in lines for index in range(line.speaker_span_count)]
    turns = tuple((str(span.speaker_index), span.start_time, span.start_time + span.duration) for span in spans)
    return Result(turns, cpu_s, _peak_mib())


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone(diarizer: Callable[..., Result], sound: Any, speakers: int | None = None) -> Result:
    """Run in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(diarizer, sound, speakers).result()


def kept(diarizer: Callable[..., Result], dialogue: Dialogue, speakers: int | None) -> Result:
    """`alone`, once for the library."""
    if diarizer is not library:
        return alone(diarizer, dialogue.sound, speakers)
    known = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if dialogue.name not in known:
        known[dialogue.name] = asdict(alone(diarizer, dialogue.sound, speakers))
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(json.dumps(known), encoding="utf-8")
    entry = known[dialogue.name]
    return Result(tuple((name, start, end) for name, start, end in entry["turns"]), entry["cpu_s"], entry["peak_mib"])


def score(dialogue: Dialogue, turns: tuple[SpokenTurn, ...]) -> Score:
    end_s = max([dialogue.duration_s, *(end for _, _, end in dialogue.turns)])
    found = len({speaker for speaker, _, _ in turns})
    if not turns:
        speech_s = sum(end - start for _, start, end in dialogue.turns)
        return Score(speech_s, speech_s, 0.0, 0.0, dialogue.speakers, 0)
    metrics = DER(list(dialogue.turns), list(turns), uem=[(0.0, end_s)], collar=COLLAR_S)
    speech_s = metrics.duration
    return Score(
        speech_s, metrics.miss * speech_s, metrics.falarm * speech_s, metrics.conf * speech_s, dialogue.speakers, found
    )


def total(scores: list[Score]) -> str:
    speech_s = sum(each.speech_s for each in scores)
    wrong_s = sum(each.missed_s + each.false_s + each.confused_s for each in scores)
    right = sum(each.speakers == each.found for each in scores)
    return f"{100 * wrong_s / speech_s:6.2f} % {right:3}/{len(scores)}"


def compare(dialogues: list[Dialogue], runs: dict[str, tuple[Callable[..., Result], bool]]) -> dict[str, Any]:
    """Scores of every dialogue and every run (a diarizer, and whether it is told the number of speakers)."""
    scores: dict[str, list[Score]] = {run: [] for run in runs}
    costs = dict.fromkeys(runs, 0.0)
    print("error % (speakers found)".ljust(46) + "".join(run.rjust(18) for run in runs), flush=True)
    for dialogue in dialogues:
        line = f"{dialogue.name} ({dialogue.speakers})".ljust(46)
        for run, (diarizer, told) in runs.items():
            result = kept(diarizer, dialogue, dialogue.speakers if told else None)
            scores[run].append(score(dialogue, result.turns))
            costs[run] += result.cpu_s
            line += f"{100 * scores[run][-1].error:12.2f} ({scores[run][-1].found:2}) "
        print(line, flush=True)
    groups = dict.fromkeys(dialogue.group for dialogue in dialogues)
    for group in [*groups, ""]:
        line = (f"= {group or 'all'}").ljust(46)
        for run in runs:
            own = [each for each, of in zip(scores[run], dialogues, strict=True) if of.group.startswith(group)]
            line += total(own).rjust(18)
        print(line)
    heard_s = sum(dialogue.duration_s for dialogue in dialogues)
    print("CPU s per audio s".ljust(46) + "".join(f"{costs[run] / heard_s:18.4f}" for run in runs), flush=True)
    return {
        run: {
            "cpu_per_s": costs[run] / heard_s,
            "errors": {d.name: round(s.error, 4) for d, s in zip(dialogues, scores[run], strict=True)},
        }
        for run in runs
    }


def lengthen(dialogues: list[Dialogue], minutes: list[int]) -> dict[str, Any]:
    """Cost and memory of ours by length: all dialogues in a loop (many voices), and one call in a loop (two)."""
    call = [each for each in dialogues if each.name.endswith("call-autorepair-40-dual")]
    found: dict[str, Any] = {}
    for name, parts, lengths in (("all", dialogues, minutes), ("call", call, minutes[:2])):
        for length in lengths:
            result = alone(ours, Looped(tuple(parts), length * 60 * SAMPLE_RATE_HZ))
            cost = result.cpu_s / (length * 60)
            heard = len({speaker for speaker, _, _ in result.turns})
            found[f"{name} {length} min"] = {"cpu_per_s": cost, "peak_mib": result.peak_mib, "speakers": heard}
            print(
                f"{name:5} {length:4} min {cost:8.4f} CPU s/s {result.peak_mib:6.0f} MiB {heard:3} speakers", flush=True
            )
        first, last = (found[f"{name} {length} min"]["cpu_per_s"] for length in (lengths[0], lengths[-1]))
        print(f"{name}: cost of {lengths[-1]} min to that of {lengths[0]} min: {last / first:.2f}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", action="store_true", help="leave the library out")
    parser.add_argument("--hours", action="store_true", help="also two hours of sound (several minutes of work)")
    parser.add_argument("--long", action="store_true", help="only the long sounds")
    parser.add_argument("--short", action="store_true", help="leave the long sounds out")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    args = parser.parse_args()
    dialogues = recorded() + mixed()
    runs = {"ours": (ours, False), "ours, told": (ours, True)}
    if not args.ours:
        runs["library"] = (library, False)
    figures: dict[str, Any] = {}
    if not args.long:
        figures["runs"] = compare(dialogues, runs)
    if not args.short:
        figures["lengths"] = lengthen(dialogues, [10, 30, 120] if args.hours else [10, 30])
    if args.out:
        args.out.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
