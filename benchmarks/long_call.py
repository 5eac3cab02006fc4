"""Eight hours of a dual-channel call: memory of the worker, and word times at the end against the beginning.

Run: python benchmarks/long_call.py [--minutes 480] [--forms wav,mp3,mp3-vbr,m4a,opus,webm]
The call that the package ships is said again and again, so that every word has its known place in each period. Peak
memory is the sum of the resident sets of the worker processes and what they started, sampled every 0.2 s, and is
given for 30 minutes too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from create_rate import Client, configuration
from speech import RATE_HZ, encoded, long_wav, sample_call

from servers import Customer, Server, customer, polyscribe

FORMS = {
    "wav": lambda path, minutes: long_wav(path, minutes),
    "mp3": lambda path, minutes: encoded(path, minutes, "libmp3lame", "mp3", b="48000"),
    "mp3-vbr": lambda path, minutes: encoded(
        path, minutes, "libmp3lame", "mp3", global_quality="1180", flags="+qscale"
    ),
    "m4a": lambda path, minutes: encoded(path, minutes, "aac", "mp4", b="48000"),
    "opus": lambda path, minutes: encoded(path, minutes, "libopus", "ogg", b="24000"),
    "webm": lambda path, minutes: encoded(path, minutes, "libopus", "webm", b="24000"),
}


@dataclass
class Memory:
    """Peak of the resident memory in MB: of all worker processes with their children, and of the largest one."""

    tree_mb: float = 0.0
    largest_mb: float = 0.0


class Watch:
    """Samples the memory of the server's workers until it is stopped."""

    def __init__(self, server: Server) -> None:
        self.peak = Memory()
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self.peak

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            sizes = [resident_mb(process) for process in self._workers()]
            self.peak.tree_mb = max(self.peak.tree_mb, sum(sizes))
            self.peak.largest_mb = max(self.peak.largest_mb, *sizes, 0.0)

    def _workers(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for child in psutil.Process(self._server.process.pid).children():
            if "worker" in " ".join(child.cmdline()):
                found += [child, *child.children(recursive=True)]
        return found


def resident_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def transcribe(server: Server, host: Customer, name: str) -> dict[str, object]:
    """Create, and poll until it is done."""
    client = Client(server)
    body = {"transcriptionConfigurationId": configuration(client, host), "mediaUrl": f"{host.url}/{name}"}
    made = json.loads(client.call("POST", "/v3/Transcriptions", body)[1])
    while made["status"] in {"PENDING", "RUNNING"}:
        time.sleep(1)
        made = json.loads(client.call("GET", f"/v3/Transcriptions/{made['transcription']['id']}")[1])
    if made["status"] != "COMPLETED":
        raise SystemExit(f"{name}: {made}")
    return made


def word_times(server: Server, done: dict[str, object]) -> list[tuple[str, float]]:
    """Words and their starts in seconds, as they are stored."""
    import sqlite3

    with sqlite3.connect(server.data_dir / "polyscribe.db") as base:
        rows = base.execute("select words from segments order by number").fetchall()
    return [(word[0], word[1] / 1000) for (words,) in rows for word in json.loads(words)]


def drift_ms(words: list[tuple[str, float]], period_s: float, length_s: float) -> tuple[float, float]:
    """Median shift, and the widest of the middle 90 %, of the same words in the last full period against the first."""
    last = int(length_s / period_s) - 2
    first = [(text, at) for text, at in words if 0 <= at < period_s]
    final = [(text, at - last * period_s) for text, at in words if last * period_s <= at < (last + 1) * period_s]
    shifts = [
        (min((other for same, other in final if same == text), key=lambda other: abs(other - at)) - at) * 1000
        for text, at in first
        if any(same == text for same, _ in final)
    ]
    near = sorted(shift for shift in shifts if abs(shift) < 1000)
    return statistics.median(near), max(abs(near[len(near) // 20]), abs(near[-1 - len(near) // 20]))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=479)
    options.add_argument("--forms", default="wav")
    given = options.parse_args()
    period_s = len(sample_call()) / RATE_HZ
    for form in given.forms.split(","):
        for minutes in (30, given.minutes):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name) / "files"
                folder.mkdir()
                path = folder / f"call.{form.split('-')[0]}"
                length_s = FORMS[form](path, minutes)
                with customer(folder) as host, polyscribe(Path(name) / "data") as server:
                    began = time.perf_counter()
                    with Watch(server) as peak:
                        done = transcribe(server, host, path.name)
                    took = time.perf_counter() - began
                    median, widest = drift_ms(word_times(server, done), period_s, length_s)
                print(
                    f"{form} {length_s / 60:.0f} min: {took:.0f} s, peak {peak.tree_mb:.0f} MB for the worker and its "
                    f"children ({peak.largest_mb:.0f} MB the largest process); words of the last period against the "
                    f"first: median {median:+.0f} ms, 90 % within {widest:.0f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
