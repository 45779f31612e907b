"""How many lines of one service counted for each metric over the last seconds. Pure: the time is handed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from recoverops.loglines.signs import ERRORS, METRICS
from recoverops.redact import redact

ERRORS_S = 10.0
SIGNS_S = 15.0
_LONGEST_SHOWN = 200


class Windows:
    """Of one service: how many lines each metric had in its window, and the last of them."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {metric: deque() for metric in METRICS}
        self._last: dict[str, str] = {}

    def take(self, lines: Iterable[tuple[Collection[str], str]], *, at_s: float) -> None:
        """Each line with the metrics that it counts for."""
        found: dict[str, int] = {}
        for metrics, line in lines:
            for metric in metrics:
                found[metric] = found.get(metric, 0) + 1
                self._last[metric] = line
        for metric, count in found.items():
            self._seen[metric].append((at_s, count))

    def now(self, at_s: float) -> Iterable[tuple[str, int, str]]:
        """metric, lines in its window, the last such line for people."""
        for metric, seen in self._seen.items():
            window_s = ERRORS_S if metric == ERRORS else SIGNS_S
            while seen and seen[0][0] <= at_s - window_s:
                seen.popleft()
            if not seen:
                self._last.pop(metric, None)
            yield metric, sum(count for _, count in seen), shown(self._last.get(metric, ""))


def shown(line: str) -> str:
    """A line for people: printable, redacted, at most 200 characters."""
    clean = "".join(character if character.isprintable() else " " for character in line[:2000])
    text = redact(" ".join(clean.split()))
    return text if len(text) <= _LONGEST_SHOWN else redact(f"{text[: _LONGEST_SHOWN - 16]}…")
