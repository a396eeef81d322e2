"""How often a password may be tried.

An attempt is counted before its password is read, and taken back when the password was right: so
a hundred connections that send their passwords at the same moment are a hundred attempts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FREE_ATTEMPTS = 5
FIRST_PAUSE_S = 4.0
LONGEST_PAUSE_S = 60.0
"""People behind one address share it: a guesser among them keeps the others out for so long."""
FORGOTTEN_AFTER_S = 3600.0
MOST_ATTEMPTS = 60
"""Within ``WINDOW_S`` over all networks but those from which somebody has logged in."""
WINDOW_S = 60.0


@dataclass(slots=True)
class _Tries:
    failures: int = 0
    last: float = 0.0
    known: bool = False  # somebody has logged in from here


class Attempts:
    """Counts attempts by network. Used by one event loop: no call waits between look and count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_network: dict[str, _Tries] = {}
        self._recent: deque[float] = deque()

    def reserve(self, network: str) -> float:
        """Count an attempt as failed. Returns 0, or the seconds to wait when it may not be made."""
        now = self._clock()
        self._forget(now)
        tries = self._by_network.get(network, _Tries())
        pause = tries.last + _pause(tries.failures) - now
        if pause > 0:
            return pause
        if not tries.known:
            if len(self._recent) >= MOST_ATTEMPTS:
                return self._recent[0] + WINDOW_S - now
            self._recent.append(now)
        tries.failures += 1
        tries.last = now
        self._by_network[network] = tries
        return 0.0

    def succeeded(self, network: str) -> None:
        """Take back what was counted for a network: its password was right."""
        self._by_network[network] = _Tries(last=self._clock(), known=True)

    def __len__(self) -> int:
        """Return how many networks are remembered."""
        return len(self._by_network)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] + WINDOW_S <= now:
            self._recent.popleft()
        # Networks are remembered for an hour and at most 60 new ones come a minute.
        old = [n for n, tries in self._by_network.items() if tries.last + FORGOTTEN_AFTER_S <= now]
        for network in old:
            del self._by_network[network]


def _pause(failures: int) -> float:
    """Return how long after the last attempt the next may be made."""
    if failures < FREE_ATTEMPTS:
        return 0.0
    return min(FIRST_PAUSE_S * 2.0 ** min(failures - FREE_ATTEMPTS, 10), LONGEST_PAUSE_S)
