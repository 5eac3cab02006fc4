"""A saturated server (HTTP create to COMPLETED) against two processes of the bare library, on the same files.

Run: python benchmarks/throughput.py [--rounds 3]
20 files of 10 s to 10 min from the shared recordings. The library gets samples that are decoded already, one file
after the other in each of its two processes; the server fetches, decodes, recognises, stores and tells.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from material import REAL, items, samples

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from create_rate import Client, configuration

from servers import Customer, Server, customer, polyscribe
from sounds import write_wav

LENGTHS_S = [10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150, 180, 200, 240, 300, 360, 480, 600]
GROUPS = {"read", "telephone", "conversation", "long", "accent"}


def make_files(folder: Path) -> list[Path]:
    """Mono files of the wanted lengths, from recordings in a fixed order."""
    chosen = [item for item in items(GROUPS) if item["channels"] == 1 and (item["language"] or "").startswith("en")]
    random.Random(1).shuffle(chosen)
    speech = np.concatenate([samples(REAL / item["file"])[:, 0] for item in chosen])
    made, at = [], 0
    for number, seconds in enumerate(LENGTHS_S):
        positions = np.arange(at, at + seconds * 16_000) % len(speech)
        made.append(write_wav(folder / f"{number:02}.wav", speech[positions]))
        at += seconds * 16_000
    return made


def _library_process(paths: Any, ready: Any, go: Any) -> None:
    from peer import Library

    library = Library()
    library.transcribe(np.zeros(16_000, np.float32))
    ready.release()
    go.wait()
    while (path := paths.get()) is not None:
        library.transcribe(samples(Path(path))[:, 0].astype(np.float32) / 32768)


def library_s(files: list[Path]) -> float:
    """Wall seconds of two warm processes that share the files, longest first."""
    context = multiprocessing.get_context("spawn")
    paths, ready, go = context.Queue(), context.Semaphore(0), context.Event()
    for path in [*map(str, reversed(files)), None, None]:
        paths.put(path)
    workers = [context.Process(target=_library_process, args=(paths, ready, go)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()
    began = time.perf_counter()
    go.set()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def server_s(server: Server, host: Customer, files: list[Path]) -> float:
    """Wall seconds from the first create to the last COMPLETED, as a client that polls sees it."""
    client = Client(server)
    with_callback = configuration(client, host)
    began = time.perf_counter()
    waiting = set()
    for path in reversed(files):
        wanted = {"transcriptionConfigurationId": with_callback, "mediaUrl": f"{host.url}/{path.name}"}
        status, body = client.call("POST", "/v3/Transcriptions", wanted)
        if status != 202:
            raise SystemExit(f"{status} {body!r}")
        waiting.add(json.loads(body)["transcription"]["id"])
    while waiting:
        time.sleep(0.2)
        for each in list(waiting):
            answer = json.loads(client.call("GET", f"/v3/Transcriptions/{each}")[1])
            if answer["status"] == "FAILED":
                raise SystemExit(f"failed: {answer}")
            if answer["status"] == "COMPLETED":
                waiting.discard(each)
    return time.perf_counter() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        folder.mkdir()
        files = make_files(folder)
        ratios = []
        with customer(folder) as host, polyscribe(Path(name) / "data", WORKERS="2") as server:
            server_s(server, host, files[:4])
            for number in range(rounds):
                theirs, ours = library_s(files), server_s(server, host, files)
                ratios.append(theirs / ours)
                audio = sum(LENGTHS_S)
                print(
                    f"round {number + 1}: {audio} s of audio; library {theirs:.1f} s, server {ours:.1f} s: "
                    f"{audio / theirs:.0f} and {audio / ours:.0f} x real time, ratio {theirs / ours:.2f}",
                    flush=True,
                )
        print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
