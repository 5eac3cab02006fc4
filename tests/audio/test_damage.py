"""Damaged files, two hundred of them: `benchmarks/fuzz_decode.py` runs as many as one likes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from audio.mutations import LENGTH_S, damaged, originals
from polyscribe import telemetry
from polyscribe.audio.decode import decode
from polyscribe.audio.sandbox import Allowance
from polyscribe.domain.errors import SourceFailed


def test_every_damaged_file_gives_sound_or_a_typed_refusal(tmp_path: Path) -> None:
    broken: list[str] = []
    detach = telemetry.listen(lambda name, facts: broken.append(f"{name} {facts}") if "decoder_" in name else None)
    outcomes: Counter[str] = Counter()
    path = tmp_path / "sound"

    for name, content in damaged(originals(), 200, seed=1):
        path.write_bytes(content)
        try:
            with decode(path, max_ms=60_000, allowance=Allowance(cpu_s=10, wall_s=60.0)) as decoding:
                frames = sum(len(block) for block in decoding)
            assert frames <= 20 * LENGTH_S * 16_000, name
            outcomes["sound"] += 1
        except SourceFailed as failed:
            outcomes[failed.fault] += 1

    detach()
    assert broken == []
    assert outcomes["sound"] > 50
    assert sum(outcomes.values()) == 200
