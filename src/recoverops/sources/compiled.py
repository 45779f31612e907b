"""Numba with the project's rules built in: types written down, without the GIL, kept on disk between starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from recoverops.model.kernel_cache import kept_by_room

F = TypeVar("F", bound=Callable[..., Any])

I64 = cast("Callable[[Any], int]", np.int64)
U8 = cast("Callable[[Any], int]", np.uint8)
"""Conversions inside kernels. Not `int`: that leaves a word unsigned, and unsigned with signed makes a float."""


def compiled(signature: object) -> Callable[[F], F]:
    """Compiles when the file is imported (or reads the result of an earlier time), so no call ever has to wait."""

    def compile_it(function: F) -> F:
        with kept_by_room():
            return cast("F", numba.njit(signature, nogil=True, cache=True, forceinline=True)(function))

    return compile_it
