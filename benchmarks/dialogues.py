"""Conversations with known turns: recorded ones of the shared material, and mixes of its read voices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from material import MADE, REAL, InMemory, items, samples
from numpy.typing import NDArray

from polyscribe.ports import SAMPLE_RATE_HZ, Samples

SpokenTurn = tuple[str, float, float]
"""Speaker, start and end in seconds."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A mono sound and who speaks when in it."""

    name: str
    sound: InMemory
    turns: tuple[SpokenTurn, ...]

    @property
    def group(self) -> str:
        return self.name.rpartition("/")[0]

    @property
    def speakers(self) -> int:
        return len({speaker for speaker, _, _ in self.turns})

    @property
    def duration_s(self) -> float:
        return self.sound.length / SAMPLE_RATE_HZ


# (readers, whether through a telephone)
_CASTS: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("1688", "2033"), False),
    (("2609", "367"), False),
    (("3080", "lj"), False),
    (("hifitts", "austen"), False),
    (("azure", "1688"), True),
    (("lj", "3080"), True),
    (("2033", "2609"), True),
    (("hifitts", "367"), True),
    (("so762.010370", "so762.011090", "so762.010990"), False),
    (("1688", "367", "lj"), False),
    (("2033", "2609", "hifitts"), True),
    (("3080", "lj", "1688", "2609"), False),
    (("azure", "hifitts", "2033", "367"), False),
    (("lj",), False),
    (("367",), True),
    (("1688", "3080", "so762.010300"), False),
)


def recorded() -> list[Dialogue]:
    """Files with turns; one person under two labels (`spont-two-voices-stereo`) is left out."""
    found = [
        Dialogue(f"{item['group']}/{item['id']}", _mono(samples(REAL / item["file"])), _turns(item))
        for item in items()
        if item.get("turns") and item["id"] != "spont-two-voices-stereo"
    ]
    for name in ("call_mono_mix_16k.flac", "meeting_3spk_16k.ogg"):
        item = json.loads((MADE / f"{name}.json").read_text(encoding="utf-8"))
        found.append(Dialogue(f"made/{name}", _mono(samples(MADE / name)), _turns(item)))
    return found


def mixed() -> list[Dialogue]:
    """Readers taking turns, sometimes interrupting, at different levels, with some noise or a telephone between."""
    readers = _readers()
    return [
        _mix(f"mix/{number:02}-{'+'.join(cast)}{'-tel' if telephone else ''}", number, cast, telephone, readers)
        for number, (cast, telephone) in enumerate(_CASTS)
    ]


def _mono(frames: NDArray[np.int16]) -> InMemory:
    return InMemory(frames.mean(axis=1, keepdims=True).astype(np.int16))


def _turns(item: dict[str, Any]) -> tuple[SpokenTurn, ...]:
    return tuple((str(turn["speaker"]), float(turn["start"]), float(turn["end"])) for turn in item["turns"])


def _readers() -> dict[str, list[Samples]]:
    found: dict[str, list[Samples]] = {}
    for item in items({"read", "accent"}):
        name, *rest = str(item["id"]).split("-")
        reader = {"libri": rest[0], "so762": f"so762.{rest[0][:6]}"}.get(name, name)
        spoken = samples(REAL / item["file"]).mean(axis=1).astype(np.float32) / np.float32(32768)
        found.setdefault(reader, []).extend(_pieces(spoken))
    return found


def _pieces(spoken: Samples, longest_s: float = 12.0, about_s: float = 8.0) -> list[Samples]:
    """Long recordings cut at pauses."""
    if len(spoken) <= longest_s * SAMPLE_RATE_HZ:
        return [spoken]
    spans: list[list[float]] = []
    for start_s, end_s in _active(spoken):
        if spans and start_s - spans[-1][0] < about_s:
            spans[-1][1] = end_s
        else:
            spans.append([start_s, end_s])
    return [spoken[int(start_s * SAMPLE_RATE_HZ) : int(end_s * SAMPLE_RATE_HZ)] for start_s, end_s in spans]


def _active(spoken: Samples, pause_s: float = 0.4) -> list[tuple[float, float]]:
    """Where it is not quiet (within 38 dB of the loudest), pauses under 0.4 s included; seconds."""
    frame = SAMPLE_RATE_HZ // 100
    power = (spoken[: len(spoken) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1)
    level = 10 * np.log10(power + 1e-12)
    loud = level > np.percentile(level, 98) - 38
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]]))).reshape(-1, 2) / 100
    spans: list[tuple[float, float]] = []
    for start_s, end_s in edges.tolist():
        if spans and start_s - spans[-1][1] < pause_s:
            start_s = spans.pop()[0]
        spans.append((start_s, end_s))
    return [span for span in spans if span[1] - span[0] > 0.1]


def _mix(
    name: str,
    seed: int,
    cast: tuple[str, ...],
    telephone: bool,
    readers: dict[str, list[Samples]],
    longest_s: int = 100,
) -> Dialogue:
    random = np.random.default_rng(seed)
    waiting = {reader: list(random.permutation(len(readers[reader]))) for reader in cast}
    gains = {reader: 10 ** (random.uniform(-6, 6) / 20) for reader in cast}
    sound = np.zeros(2 * longest_s * SAMPLE_RATE_HZ, np.float32)
    turns: list[SpokenTurn] = []
    at, last = int(0.6 * SAMPLE_RATE_HZ), ""
    while any(waiting.values()) and at < longest_s * SAMPLE_RATE_HZ:
        others = [reader for reader in cast if waiting[reader] and reader != last]
        reader = str(random.choice(others or [reader for reader in cast if waiting[reader]]))
        piece = readers[reader][waiting[reader].pop()]
        if random.random() < 0.4:
            piece = piece[: int(random.uniform(0.8, 3) * SAMPLE_RATE_HZ)]
        interrupts = random.random() < 0.2 and last not in {"", reader}
        gap_s = random.uniform(-0.6, 0.1) if interrupts else random.uniform(0.15, 1.0)
        start = max(0, at + int(gap_s * SAMPLE_RATE_HZ))
        sound[start : start + len(piece)] += piece / np.sqrt((piece**2).mean()) * 0.05 * gains[reader]
        offset_s = start / SAMPLE_RATE_HZ
        turns += [(reader, offset_s + start_s, offset_s + end_s) for start_s, end_s in _active(piece)]
        at, last = start + len(piece), reader
    sound = sound[: at + SAMPLE_RATE_HZ // 2]
    sound += random.normal(0, 10 ** (random.uniform(-60, -50) / 20), len(sound)).astype(np.float32)
    heard = _telephone(sound) if telephone else sound
    return Dialogue(name, InMemory((np.clip(heard, -1, 1) * 32767).astype(np.int16)[:, None]), tuple(turns))


def _telephone(sound: Samples) -> Samples:
    """300 to 3400 Hz, and 8-bit mu-law."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    narrow = np.fft.irfft(spectrum, len(sound))
    narrow *= 0.7 / np.abs(narrow).max()
    code = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    return (np.sign(code) * np.expm1(np.abs(code) * np.log(256)) / 255).astype(np.float32)
