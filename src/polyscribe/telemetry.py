"""`emit` says that something happened; whoever wants to know listens. Knows no logger and no metrics system.

Facts are ids, counts, durations and names of faults: never a secret, never what somebody said.
"""

from __future__ import annotations

from collections.abc import Callable

Fact = str | int | float | bool | None
Listener = Callable[[str, dict[str, Fact]], None]

_listeners: list[Listener] = []


def emit(name: str, **facts: Fact) -> None:
    """Tell all listeners, in the order in which they came, that `name` happened."""
    for listener in _listeners:
        listener(name, facts)


def listen(listener: Listener) -> Callable[[], None]:
    """Attach a listener; the returned function detaches it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
