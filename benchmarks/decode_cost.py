"""What decoding costs, whether its memory grows, and whether its times drift over eight hours.

Run: python benchmarks/decode_cost.py cost                    CPU seconds per audio second, parent and child
     python benchmarks/decode_cost.py drift [--hours 8] [NAME ...]   onset errors at both ends, and peak memory
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import av
import numpy as np

from audio.sounds import bursts, encoded, onsets, tone
from polyscribe import telemetry
from polyscribe.audio.decode import decode

LONG_MS = 9 * 3_600_000
NARROW = {"rate_hz": 8000, "channels": 2}
ENCODINGS: dict[str, dict[str, Any]] = {
    "wav-mulaw-dual-8k": {"container": "wav", "codec": "pcm_mulaw", **NARROW},
    "wav-pcm-11k": {"container": "wav", "codec": "pcm_s16le", "rate_hz": 11_025, "channels": 1},
    "mp3-cbr-44k": {"container": "mp3", "codec": "libmp3lame", "bit_rate": 64_000, "rate_hz": 44_100, "channels": 1},
    "mp3-vbr-22k": {"container": "mp3", "codec": "libmp3lame", "quality": "4", "rate_hz": 22_050, "channels": 1},
    "mp3-vbr-dual-8k": {"container": "mp3", "codec": "libmp3lame", "quality": "4", **NARROW},
    "m4a-44k": {"container": "ipod", "codec": "aac", "rate_hz": 44_100, "channels": 1},
    "opus-dual": {"container": "ogg", "codec": "libopus", "rate_hz": 48_000, "channels": 2},
    "webm": {"container": "webm", "codec": "libopus", "rate_hz": 48_000, "channels": 1},
}


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(path: Path) -> tuple[float, float, int]:
    """CPU seconds of parent and child, and the child's peak memory in kilobytes."""
    facts: dict[str, Any] = {}
    detach = telemetry.listen(lambda name, told: facts.update(told) if name == "decoded" else None)
    began = cpu_s()
    with decode(path, max_ms=LONG_MS) as decoding:
        for _ in decoding:
            pass
    used = cpu_s() - began
    detach()
    return used, float(facts["cpu_s"]), int(facts["peak_kb"])


def cost(folder: Path) -> None:
    telephone = encoded(tone(8000, 600.0, channels=2), 8000, "wav", "pcm_mulaw")
    files = {
        "10 min mu-law dual 8 kHz WAV": (telephone, 600),
        "10 s mu-law dual 8 kHz WAV": (encoded(tone(8000, 10.0, channels=2), 8000, "wav", "pcm_mulaw"), 10),
        "10 min PCM 16 kHz WAV": (encoded(tone(16_000, 600.0), 16_000, "wav", "pcm_s16le"), 600),
        "10 min MP3 44.1 kHz": (encoded(tone(44_100, 600.0), 44_100, "mp3", "libmp3lame"), 600),
        "10 min Opus": (encoded(tone(16_000, 600.0), 16_000, "ogg", "libopus", encode_hz=48_000), 600),
    }
    path = folder / "sound"
    for name, (content, length_s) in files.items():
        path.write_bytes(content)
        runs = [run(path) for _ in range(6)][1:]
        parent, child = (statistics.median(each[side] for each in runs) for side in (0, 1))
        print(
            f"{name:32s} {(parent + child) / length_s:.5f} CPU s per audio s "
            f"(parent {parent:.3f} s, child {child:.3f} s, child peak {max(each[2] for each in runs) // 1024} MiB)",
            flush=True,
        )


def write_long(path: Path, hours: float, at_s: list[float], given: dict[str, Any]) -> None:
    """A file of silence with bursts, made minute by minute."""
    rate_hz, layout = given["rate_hz"], "mono" if given["channels"] == 1 else "stereo"
    with av.open(str(path), "w", format=given["container"]) as output:
        stream: Any = output.add_stream(given["codec"], rate=rate_hz)
        stream.layout = layout
        if "bit_rate" in given:
            stream.bit_rate = given["bit_rate"]
        if "quality" in given:
            stream.codec_context.options = {"q": given["quality"]}
        for minute in range(round(hours * 60)):
            inside = [at - minute * 60 for at in at_s if minute * 60 <= at < minute * 60 + 60]
            block = bursts(rate_hz, 60.0, inside, given["channels"])
            for start in range(0, len(block), rate_hz):
                part = np.ascontiguousarray(block[start : start + rate_hz]).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
                frame.sample_rate = rate_hz
                frame.pts = minute * 60 * rate_hz + start
                frame.time_base = Fraction(1, rate_hz)
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def loud_parts(path: Path) -> Iterator[tuple[float, list[float]]]:
    """Onsets of bursts, block by block, without holding the sound."""
    position = 0
    with decode(path, max_ms=LONG_MS) as decoding:
        for block in decoding:
            if np.abs(block[:, 0]).max() > 4000:
                yield position / 16_000, onsets(block[:, 0])
            position += len(block)
    yield position / 16_000, []


def drift(folder: Path, hours: float, names: list[str]) -> None:
    end_s = hours * 3600
    at_s = [1.0, 60.5, end_s / 2 + 0.3, end_s - 60.2, end_s - 1.5]
    for name in names or ENCODINGS:
        path = folder / name
        write_long(path, hours, at_s, ENCODINGS[name])
        facts: dict[str, Any] = {}
        detach = telemetry.listen(lambda event, told, into=facts: into.update(told) if event == "decoded" else None)
        found = [start_s + onset for start_s, parts in loud_parts(path) for onset in parts]
        detach()
        # A burst on the border of two blocks is seen twice.
        errors = [round(1000 * (min(found, key=lambda each, at=at: abs(each - at)) - at), 1) for at in at_s]
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{name:20s} {hours:g} h, {path.stat().st_size >> 20} MiB: onset errors {errors} ms, child "
            f"{facts['cpu_s'] / end_s:.5f} CPU s per audio s, peak {facts['peak_kb'] // 1024} MiB (parent {own} MiB)",
            flush=True,
        )
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "drift"])
    parser.add_argument("names", nargs="*", choices=[*ENCODINGS, []])
    parser.add_argument("--hours", type=float, default=8.0)
    arguments = parser.parse_args()
    os.nice(5)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "cost":
            cost(Path(folder))
        else:
            drift(Path(folder), arguments.hours, arguments.names)


if __name__ == "__main__":
    main()
