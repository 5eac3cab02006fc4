"""Recognition against the bare library: processor time (ratios in one run), word error rate per group, word times.

    python benchmarks/recognition.py [--groups read,telephone] [--rounds 3] [--out figures.json]

Needs the shared recordings (POLYSCRIBE_SHARED). The library's texts are kept in a cache file between runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from material import MADE, REAL, SHARED, InMemory, items, samples
from numpy.typing import NDArray

from polyscribe import engines
from polyscribe.audio.channels import Measuring
from polyscribe.domain.errors import EngineFailed
from polyscribe.domain.transcript import Transcript
from polyscribe.domain.transcription import ChannelMode
from polyscribe.pipeline.assemble import assemble
from polyscribe.pipeline.recording import plan, recognise
from polyscribe.ports import Engine

sys.path.insert(0, str(SHARED / "score"))

CACHE = Path(tempfile.gettempdir()) / "polyscribe-benchmark"


@dataclass(frozen=True, slots=True)
class Ours:
    """One run of our pipeline over one file: what came out, and where the processor time went."""

    transcript: Transcript | None
    reason: str
    detect_s: float
    recognise_s: float


def run_ours(engine: Engine, frames: NDArray[np.int16], mode: ChannelMode = ChannelMode.AUTO) -> Ours:
    """Statistics, speech detection, recognition and assembly of one sound."""
    sound = InMemory(frames)
    begin = time.process_time()
    measuring = Measuring(sound.channels)
    measuring.feed(frames)
    planned = plan(sound, measuring, mode)
    detected = time.process_time()
    results = [recognise(sound, piece, planned, engine, "en") for piece in planned.pieces]
    recognised = time.process_time()
    try:
        transcript, reason = assemble(planned, results, "en", engine.name), ""
    except EngineFailed as failed:
        transcript, reason = None, failed.fault.value
    return Ours(transcript, reason, detected - begin, recognised - detected)


def text_of(ours: Ours, is_dual: bool) -> Any:
    if ours.transcript is None:
        return {"channels": {"0": "", "1": ""}} if is_dual else ""
    if not is_dual:
        return ours.transcript.text
    return {
        "channels": {
            str(channel): " ".join(s.text for s in ours.transcript.segments if s.channel == channel)
            for channel in range(2)
        }
    }


def run_library(library: Any, frames: NDArray[np.int16], is_dual: bool) -> Any:
    wave = frames.astype(np.float32) / np.float32(32768)
    if is_dual:
        return {"channels": {str(c): library.transcribe(np.ascontiguousarray(wave[:, c])) for c in range(2)}}
    return library.transcribe(wave.mean(axis=1))


def compare(engine: Engine, wanted: list[dict[str, Any]], rounds: int, cached: bool) -> dict[str, Any]:
    """Both over all files, file by file in turn, `rounds` times; texts of the first round."""
    from peer import Library

    library = Library()
    texts: dict[str, dict[str, Any]] = {"ours": {}, "library": _cached_texts() if cached else {}}
    times: dict[str, list[float]] = {"detect": [], "recognise": [], "library": []}
    reasons: dict[str, str] = {}
    seconds = 0.0
    for number in range(rounds):
        total = dict.fromkeys(times, 0.0)
        seconds = 0.0
        for item in wanted:
            frames, is_dual = samples(REAL / item["file"]), bool(item.get("channel_text"))
            seconds += len(frames) / 16_000
            ours = run_ours(engine, frames)
            total["detect"] += ours.detect_s
            total["recognise"] += ours.recognise_s
            if not number:
                texts["ours"][item["id"]] = text_of(ours, is_dual)
                if ours.reason:
                    reasons[item["id"]] = ours.reason
            if cached and item["id"] in texts["library"]:
                continue
            begin = time.process_time()
            text = run_library(library, frames, is_dual)
            total["library"] += time.process_time() - begin
            texts["library"].setdefault(item["id"], text)
        for name, value in total.items():
            times[name].append(value / seconds)
    _keep_texts(texts["library"])
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {"texts": texts, "cpu_per_s": medians, "seconds": seconds, "failed": reasons, "rounds": times}


def error_rates(wanted: list[dict[str, Any]], hypotheses: dict[str, Any]) -> dict[str, tuple[float, int]]:
    """Word error rate and reference words per group, exact and published references only."""
    import wer

    rows: dict[str, list[dict[str, Any]]] = {}
    for reference in wer.references(wanted):
        if reference["quality"] not in {"exact", "published"} or reference["language"].split("-")[0] != "en":
            continue
        text = wer.hypothesis(hypotheses, reference) or ""
        row = wer.score_pair(reference["text"], text, "en", reference["split"])
        rows.setdefault(reference["group"], []).append(row)
        if reference["group"] not in {"format", "noisy"}:
            rows.setdefault("TOTAL (without format, noisy)", []).append(row)
        rows.setdefault("TOTAL", []).append(row)
    return {group: (100 * wer.rate(each), sum(row["words"] for row in each)) for group, each in sorted(rows.items())}


def onset_errors(engine: Engine) -> list[float]:
    """Absolute errors of word onsets in ms on made speech, for the words that were understood."""
    import difflib

    errors: list[float] = []
    for sidecar in sorted(MADE.glob("*.json")):
        facts = json.loads(sidecar.read_text(encoding="utf-8"))
        turns = [turn for turn in facts.get("turns") or [] if turn.get("words")]
        if not turns or facts.get("language", "en") != "en" or facts["file"].startswith("stereo_identical"):
            continue
        if facts["file"].startswith("voicemail") and facts["file"] not in {
            "voicemail_16k_pcm.wav",
            "voicemail_cbr.mp3",
        }:
            continue
        ours = run_ours(engine, samples(MADE / facts["file"]))
        said = sorted((word["start"] * 1000, _plain(word["word"])) for turn in turns for word in turn["words"])
        heard = sorted(
            (w.start_ms, _plain(w.text)) for s in (ours.transcript.segments if ours.transcript else ()) for w in s.words
        )
        matcher = difflib.SequenceMatcher(None, [w for _, w in heard], [w for _, w in said], autojunk=False)
        for block in matcher.get_matching_blocks():
            errors += [abs(heard[block.a + k][0] - said[block.b + k][0]) for k in range(block.size)]
    return errors


def dual_cost(engine: Engine, rounds: int) -> dict[str, float]:
    """Processor time of dual-channel calls over that of their mono mixes."""
    paths = [MADE / "call_dual_8k_mulaw.wav", *(REAL / i["file"] for i in items({"dual-channel"}))]
    found: dict[str, float] = {}
    for path in paths:
        frames = samples(path)
        mono = frames.astype(np.int32).mean(axis=1, keepdims=True).astype(np.int16)
        ratios = []
        for _ in range(rounds):
            dual, mix = run_ours(engine, frames, ChannelMode.SPLIT), run_ours(engine, mono)
            ratios.append((dual.detect_s + dual.recognise_s) / (mix.detect_s + mix.recognise_s))
        found[path.name] = statistics.median(ratios)
    return found


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


def _cached_texts() -> dict[str, Any]:
    path = CACHE / "library-texts.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _keep_texts(texts: dict[str, Any]) -> None:
    CACHE.mkdir(exist_ok=True)
    (CACHE / "library-texts.json").write_text(json.dumps(texts), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--groups", help="only these, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cached", action="store_true", help="do not run the library where its text is known")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--models", type=Path, default=CACHE / "models")
    options = parser.parse_args()
    engine = engines.load(engines.BUNDLED, options.models)
    wanted = items(set(options.groups.split(",")) if options.groups else None)
    result = compare(engine, wanted, options.rounds, options.cached)
    tables = {name: error_rates(wanted, texts) for name, texts in result["texts"].items()}
    print(f"{'WER %':>32} {'ours':>7} {'library':>8} {'words':>6}")
    for group, (rate, words) in tables["ours"].items():
        print(f"{group:>32} {rate:7.2f} {tables['library'][group][0]:8.2f} {words:6d}")
    cpu = result["cpu_per_s"]
    print(f"\nCPU s per audio s over {result['seconds']:.0f} s: " + ", ".join(f"{n} {v:.5f}" for n, v in cpu.items()))
    if cpu["library"]:
        rounds = result["rounds"]
        parts = list(zip(rounds["detect"], rounds["recognise"], rounds["library"], strict=True))
        alone = statistics.median(recognised / library for _, recognised, library in parts)
        whole = statistics.median((detected + recognised) / library for detected, recognised, library in parts)
        print(f"recognise / library {alone:.3f}, with detection {whole:.3f}")
    _print_silences(wanted, result)
    errors = np.array(onset_errors(engine))
    print(f"word onsets: n {len(errors)}, median {np.median(errors):.0f} ms, p90 {np.percentile(errors, 90):.0f} ms")
    print(
        "dual / mono: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in dual_cost(engine, options.rounds).items())
    )
    if options.out:
        options.out.write_text(json.dumps({**result, "tables": tables}, indent=1), encoding="utf-8")


def _print_silences(wanted: list[dict[str, Any]], result: dict[str, Any]) -> None:
    for item in wanted:
        if item["group"] in {"noise", "foreign"}:
            ours = result["failed"].get(item["id"]) or result["texts"]["ours"][item["id"]]
            print(f"{item['group']} {item['id']}: {ours!r} | library {result['texts']['library'].get(item['id'])!r}")
    others = {
        key: value
        for key, value in result["failed"].items()
        if not any(i["id"] == key and i["group"] == "foreign" for i in wanted)
    }
    print("failed, not foreign:", others)


if __name__ == "__main__":
    main()
