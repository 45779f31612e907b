"""The memory of courses: a course met before is near, a new one is far, and learning it makes it near."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.layout import BYTES_PER_SERIES, PATTERN_USE, PATTERNS
from recoverops.detection.metrics.streaming.patterns import append_letter, meet

_SQUARE = (0.5, 0.5, 0.5, 0.5, -0.5, -0.5, -0.5, -0.5)
_SAW = (-0.9, 0.9, -0.9, 0.9, -0.9, 0.9, -0.9, 0.9)


def _read(row: NDArray[np.uint8], letters: tuple[float, ...]) -> list[float]:
    """Distances after each letter."""
    distances = []
    for letter in letters:
        append_letter(row, letter)
        distances.append(float(meet(row)))
    return distances


def test_the_first_course_has_nothing_to_be_compared_with() -> None:
    row = np.zeros(BYTES_PER_SERIES, dtype=np.uint8)

    assert _read(row, (0.1,)) == [-1.0]


def test_a_course_that_repeats_is_known_and_another_one_is_far_until_it_repeats_as_well() -> None:
    row = np.zeros(BYTES_PER_SERIES, dtype=np.uint8)
    _read(row, _SQUARE * 12)

    assert max(_read(row, _SQUARE * 2)) < 5.0
    assert max(_read(row, _SAW)) > 40.0
    _read(row, _SAW * 4)
    assert max(_read(row, _SAW)) < 5.0


def test_falling_and_rising_differences_count_alike() -> None:
    above, below = (np.zeros(BYTES_PER_SERIES, dtype=np.uint8) for _ in range(2))
    _read(above, (0.0,) * 12)
    _read(below, (0.0,) * 12)

    assert _read(above, (0.8,)) == _read(below, (-0.8,))


def test_the_memory_stays_full_and_bounded() -> None:
    row = np.zeros(BYTES_PER_SERIES, dtype=np.uint8)
    letters = np.random.default_rng(6).uniform(-1.0, 1.0, 5000)
    _read(row, tuple(letters.tolist()))

    uses = row[PATTERN_USE : PATTERN_USE + PATTERNS]
    assert (uses >= 1).all()
    assert (uses <= 250).all()
