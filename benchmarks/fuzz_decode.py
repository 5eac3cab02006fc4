"""Damaged files in any number through the decoder: nothing may crash, hang or end other than as sound or SourceFailed.

Run: python benchmarks/fuzz_decode.py [--count 2000] [--seed 1] [--folder FILES] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from audio.mutations import damaged, originals
from polyscribe import telemetry
from polyscribe.audio.decode import decode
from polyscribe.audio.sandbox import Allowance
from polyscribe.domain.errors import PolyscribeError, SourceFailed

SLOW_S = 10.0


def outcome_of(path: Path) -> str:
    try:
        with decode(path, max_ms=600_000, allowance=Allowance(cpu_s=20, wall_s=60.0)) as decoding:
            sum(len(block) for block in decoding)
    except SourceFailed as failed:
        return failed.fault
    except PolyscribeError as error:
        return f"BAD {type(error).__name__}"
    return "sound"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="damage these files instead of made ones")
    parser.add_argument("--keep", type=Path, help="where files that broke the decoder are put")
    arguments = parser.parse_args()

    files = originals()
    if arguments.folder:
        files = {path.name: path.read_bytes() for path in sorted(arguments.folder.iterdir()) if path.suffix != ".json"}
        files = {name: content for name, content in files.items() if content}
    broken: list[str] = []
    telemetry.listen(lambda name, facts: broken.append(f"{name} {facts}") if name.startswith("decoder_") else None)
    outcomes: Counter[str] = Counter()
    bad, slowest = 0, (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        for name, content in damaged(files, arguments.count, arguments.seed):
            path.write_bytes(content)
            broken.clear()
            began = time.perf_counter()
            outcome = outcome_of(path)
            took_s = time.perf_counter() - began
            slowest = max(slowest, (took_s, name))
            outcomes[outcome] += 1
            if broken or outcome.startswith("BAD") or took_s > SLOW_S:
                bad += 1
                print(name, outcome, *broken, flush=True)
                if arguments.keep:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    (arguments.keep / name).write_bytes(content)
    print(dict(outcomes), f"broke the decoder: {bad}", f"slowest: {slowest[0]:.2f} s ({slowest[1]})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
