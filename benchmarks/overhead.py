"""Processor time of everything but recognition (fetch, decode, speech detection, assemble, store, notify) on a call.

Run: python benchmarks/overhead.py [--minutes 10] [--rounds 3]
The processor time of the server's whole process tree for one job, less the time that its threads spent in recognition
(the figure `polyscribe_recognition_cpu_seconds` of /metrics) and less what the idle server uses in the same time. The
same call is sent as two channels and as its mono mix; both totals are compared.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from create_rate import Client, configuration
from speech import long_wav

from servers import Customer, Server, customer, polyscribe


def tree_cpu_s(server: Server) -> float:
    """User and system seconds of the supervisor, all its children, and those that ended."""
    top = psutil.Process(server.process.pid)
    total = 0.0
    for process in [top, *top.children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def recognition_cpu_s(server: Server) -> float:
    with urlopen(f"{server.base_url}/metrics", timeout=10) as answer:  # noqa: S310 (loopback)
        found = re.search(r"^polyscribe_recognition_cpu_seconds_total ([0-9.e+-]+)$", answer.read().decode(), re.M)
    return float(found[1]) if found else 0.0


def idle_rate(server: Server, seconds: float = 10.0) -> float:
    """Processor seconds per second of a server that has nothing to do."""
    before = tree_cpu_s(server)
    time.sleep(seconds)
    return (tree_cpu_s(server) - before) / seconds


def job(server: Server, host: Customer, client: Client, name: str, idle: float) -> tuple[float, float]:
    """Total and recognition processor seconds of one transcription, told to its customer."""
    told, known = len(host.received), recognition_cpu_s(server)
    before, began = tree_cpu_s(server), time.perf_counter()
    wanted = {"transcriptionConfigurationId": configuration(client, host), "mediaUrl": f"{host.url}/{name}"}
    client.call("POST", "/v3/Transcriptions", wanted)
    while len(host.received) == told:
        time.sleep(0.05)
    time.sleep(1)
    total = tree_cpu_s(server) - before - idle * (time.perf_counter() - began)
    if json.loads(host.received[-1].body)["status"] != "completed":
        raise SystemExit(host.received[-1].body.decode())
    return total, recognition_cpu_s(server) - known


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    totals: dict[str, list[float]] = {"dual.wav": [], "mono.wav": []}
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name) / "files"
        folder.mkdir()
        length_s = long_wav(folder / "dual.wav", given.minutes)
        long_wav(folder / "mono.wav", given.minutes, channels=1)
        with customer(folder) as host, polyscribe(Path(folder_name) / "data") as server:
            client = Client(server)
            job(server, host, client, "mono.wav", 0.0)
            idle = idle_rate(server)
            print(f"idle: {idle:.3f} of a core")
            for _ in range(given.rounds):
                for name, seen in totals.items():
                    total, recognition = job(server, host, client, name, idle)
                    seen.append(total)
                    rest = (total - recognition) / length_s
                    print(
                        f"{name} {length_s:.0f} s: {total:.2f} CPU s, {recognition:.2f} of them recognition; "
                        f"everything else {rest:.4f} CPU s per audio second",
                        flush=True,
                    )
    ratio = statistics.median(dual / mono for dual, mono in zip(totals["dual.wav"], totals["mono.wav"], strict=True))
    print(f"dual-channel against its mono mix: {ratio:.2f}")


if __name__ == "__main__":
    main()
