"""Puts decoded frames at the times that their container gives them, so that a hole does not move what follows.

Knows neither codecs nor samples: frames are whatever the caller hands in with a time and a length. Time stamps are
believed only as far as they make sense, because they can be as damaged as anything else in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Frame = TypeVar("Frame")

SLIP_S = 0.04
"""Below this a difference is rounding, jitter or priming, and sound stays joined."""

JUMP_S = 2.0
"""Beyond this the next time stamp has to confirm a jump before it is believed."""

LONGEST_GAP_S = 1800.0
"""No hole is made longer; a longer jump is a clock that was set, not silence."""


def place(frames: Iterable[tuple[Frame, float | None, float]]) -> Iterator[tuple[bool, float, Frame]]:
    """For each frame: whether silence belongs before it, and the second at which it starts.

    A frame comes with its start (None: unknown) and length in seconds. Sound is never dropped or moved to earlier:
    frames that claim to overlap are joined.
    """
    position, shift = 0.0, 0.0
    held: tuple[Frame, float, float] | None = None
    for frame, at, length in frames:
        if held is not None:
            first, start, lasting = held
            held = None
            gap = 0.0
            if at is not None and abs(at - start - lasting) < JUMP_S / 4:
                gap = start - shift - position
                if not 0 < gap <= LONGEST_GAP_S:
                    shift, gap = start - position, 0.0
            position += gap
            yield gap > 0, position, first
            position += lasting
        lead = 0.0 if at is None else at - shift - position
        if at is not None and abs(lead) > JUMP_S:
            held = frame, at, length
            continue
        gap = lead if lead > SLIP_S else 0.0
        position += gap
        yield gap > 0, position, frame
        position += length
    if held is not None:
        yield False, position, held[0]
