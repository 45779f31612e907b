"""How a kernel of this folder is compiled: signature fixed, GIL released, kept on disk, no reordering of arithmetic.

Without reordering one row gives the same bits alone and in a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

from recoverops.model.kernel_cache import kept_by_room

F = TypeVar("F", bound=Callable[..., object])


def compiled(signature: str) -> Callable[[F], F]:
    """Compile at import for exactly these argument types."""

    def compile_it(function: F) -> F:
        with kept_by_room():
            kernel: F = numba.njit(signature, nogil=True, cache=True, fastmath=False)(function)
        return kernel

    return compile_it
