"""Pieces of a recording recognised side by side, and their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, wait

from polyscribe.pipeline.recording import PieceResult
from polyscribe.pipeline.segments import Piece


def in_order(
    slots: Executor,
    pieces: Sequence[Piece],
    heard: Callable[[Piece], PieceResult],
    in_flight: int,
    is_ending: Callable[[], bool],
) -> Generator[tuple[Piece, PieceResult], None, None]:
    """Pieces with their results, at most `in_flight` of them at work at once.

    Once `is_ending` no further piece is begun, and it stops early. Closing it waits for those that are at work, so
    that the sound that they read may be closed then.
    """
    waiting = deque(pieces)
    flying: deque[tuple[Piece, Future[PieceResult]]] = deque()
    try:
        while waiting or flying:
            while waiting and len(flying) < in_flight and not is_ending():
                piece = waiting.popleft()
                flying.append((piece, slots.submit(heard, piece)))
            if not flying:
                return
            piece, work = flying.popleft()
            yield piece, work.result()
    finally:
        wait([work for _, work in flying if not work.cancel()])
