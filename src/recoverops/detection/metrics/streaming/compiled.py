"""Numba with the project's rules built in: types written down, without the GIL, kept on disk between starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba

from recoverops.model.kernel_cache import kept_by_room

F = TypeVar("F", bound=Callable[..., Any])

Number: TypeAlias = Any
"""A float32 or float64; which one stands in the compiled signature, which is what is checked."""

REAL, FLOAT, INT, BOOL, VOID = numba.float64, numba.float32, numba.int64, numba.boolean, numba.void
UNSIGNED = numba.uint64
FLOATS, REALS = numba.float32[::1], numba.float64[::1]
TWO_FLOATS, THREE_FLOATS = numba.types.UniTuple(FLOAT, 2), numba.types.UniTuple(FLOAT, 3)
BYTES, SMALL = numba.uint8[::1], numba.int8[::1]
FLOAT_ROWS = numba.float32[:, ::1]
ROW_VIEWS = numba.types.Tuple((numba.uint8[:, ::1], FLOAT_ROWS, numba.float64[:, ::1]))
READ_REALS = numba.types.Array(numba.float64, 1, "C", readonly=True)
READ_NUMBERS = numba.types.Array(numba.int32, 1, "C", readonly=True)
READ_FLOATS = numba.types.Array(numba.float32, 1, "C", readonly=True)


_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "forceinline": True,
    "error_model": "numpy",
    "fastmath": {"contract", "arcp", "nsz", "reassoc"},
    "_nrt": False,
}
"""Arithmetic may be regrouped, NaN stays NaN. Without numba's run-time no kernel can make an array; in return none
counts references, which was a sixth of the cost of a point."""


def compiled(signature: object) -> Callable[[F], F]:
    """Compiles when the file is imported (or reads the result of an earlier time), so no call ever has to wait."""

    def compile_it(function: F) -> F:
        with kept_by_room():
            return cast("F", numba.njit(signature, **_OPTIONS)(function))

    return compile_it
