"""How long one fetch or one webhook may take, how slow it may be, and whether anybody still wants it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from polyscribe.domain.errors import FetchFailed, FetchFault


@dataclass(frozen=True, slots=True)
class Limits:
    """What a stranger's server may cost us. Seconds, bytes and counts."""

    connect_s: float = 10.0
    """For one address: the TCP connection, and again the TLS handshake."""
    quiet_s: float = 30.0
    """The longest silence while we wait for bytes."""
    head_s: float = 60.0
    """From dialling to the end of the response's headers."""
    total_s: float = 4 * 3600.0
    """For one fetch with all its redirects and resumes."""
    slow_bytes_per_s: int = 1024
    """Less than this on average over `slow_window_s` is a server that keeps us busy on purpose."""
    slow_window_s: float = 60.0
    redirects: int = 5
    resumes: int = 5
    """Resumes in a row that got us no further than we had been."""
    resumes_total: int = 100
    pause_s: float = 0.5
    """Before the first resume without progress; doubles with each."""
    poll_s: float = 1.0
    """How often `still_wanted` is asked, also in the middle of a silence."""


class Over(FetchFailed):
    """The fetch as a whole has ended: too slow, too long, or no longer wanted. Resuming cannot help.

    When nobody wants it any more, the fault is UNAVAILABLE but `retryable` is False: the caller said so itself.
    """

    def __init__(self, fault: FetchFault, message: str, *, retryable: bool) -> None:
        super().__init__(fault, message)
        self.retryable = retryable


class Patience:
    """Runs out. One per fetch or webhook; `check` is called before every wait."""

    def __init__(
        self,
        limits: Limits,
        still_wanted: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        now = clock()
        self._clock = clock
        self.limits = limits
        self._still_wanted = still_wanted
        self._ends_at = now + limits.total_s
        self._head_ends_at: float | None = None
        self._poll_at = now
        self._begin_window(now)

    @contextmanager
    def for_head(self) -> Iterator[Callable[[], None]]:
        """While a request runs: the response's headers must come in time; the function given says that they did."""
        self._head_ends_at = self._clock() + self.limits.head_s
        try:
            yield self._got_head
        finally:
            self._head_ends_at = None

    def _got_head(self) -> None:
        self._head_ends_at = None
        self._begin_window(self._clock())

    def got_bytes(self, count: int) -> None:
        """The network gave us bytes."""
        self._window_bytes += count

    def left_s(self, wish_s: float) -> float:
        """How long one wait may be: at most `wish_s`, and not past an end.

        Raises:
            FetchFailed: TIMED_OUT, or nobody wants it any more.
        """
        self.check()
        ends_at = self._ends_at if self._head_ends_at is None else min(self._ends_at, self._head_ends_at)
        return max(min(wish_s, ends_at - self._clock()), 0.001)

    def slice_s(self, wish_s: float) -> float:
        """As `left_s`, but short enough to ask again soon whether anybody still wants it."""
        return min(self.left_s(wish_s), self.limits.poll_s)

    def check(self) -> None:
        """Look whether it has run out.

        Raises:
            FetchFailed: TIMED_OUT, or nobody wants it any more.
        """
        now = self._clock()
        if now >= self._ends_at:
            raise Over(FetchFault.TIMED_OUT, "The server took too long altogether.", retryable=True)
        if self._head_ends_at is not None and now >= self._head_ends_at:
            raise FetchFailed(FetchFault.TIMED_OUT, "The server took too long to answer.")
        if now >= self._window_ends_at:
            if self._window_bytes < self.limits.slow_bytes_per_s * self.limits.slow_window_s:
                raise Over(FetchFault.TIMED_OUT, "The server sends too slowly.", retryable=True)
            self._begin_window(now)
        if self._still_wanted is not None and now >= self._poll_at:
            self._poll_at = now + self.limits.poll_s
            if not self._still_wanted():
                raise Over(FetchFault.UNAVAILABLE, "The content is no longer wanted.", retryable=False)

    def _begin_window(self, now: float) -> None:
        self._window_ends_at = now + self.limits.slow_window_s
        self._window_bytes = 0

    def pause(self, wait_s: float) -> None:
        """Sleep, waking up to look around.

        Raises:
            FetchFailed: as `check`.
        """
        until = self._clock() + wait_s
        while (left_s := until - self._clock()) > 0:
            time.sleep(self.slice_s(left_s))
