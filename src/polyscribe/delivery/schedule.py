"""When a webhook is tried again, and when it is given up: pure decisions, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more in `wait_s` seconds."""

    wait_s: float
    why: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No further attempt."""

    why: str


Outcome = Delivered | Again | GaveUp


@dataclass(frozen=True, slots=True)
class Schedule:
    """`waits_s[n]` is the pause after failed attempt n + 1; `retries` says which statuses are worth it."""

    waits_s: tuple[float, ...]
    retries: Callable[[int], bool]


def worth_retrying(status: int) -> bool:
    """Server errors and the statuses that mean "not now": 408, 425, 429."""
    return status >= 500 or status in {408, 425, 429}


def judge(schedule: Schedule, attempts: int, status: int | None, fault: str | None) -> Outcome:
    """What follows from attempt number `attempts` (from 1): its HTTP status, or why there was none."""
    if status is not None and 200 <= status < 300:
        return Delivered()
    why = fault if status is None else f"HTTP {status}"
    if status is not None and not schedule.retries(status):
        return GaveUp(why or "unknown")
    if attempts > len(schedule.waits_s):
        return GaveUp(why or "unknown")
    return Again(schedule.waits_s[attempts - 1], why or "unknown")
