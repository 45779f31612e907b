"""Loads compiled kernels while the engine runs: one thread at a time, with what has to be done around it.

Three threads load some: of the detector, of the models, of the metric intake. While one compiles, the place where its
kernels are kept (`model/kernel_cache.py`) holds for the whole process, so another one waits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from recoverops.app.compiler_pages import give_back_compiler_pages
from recoverops.app.structs import prepare_structs

_TURN = threading.Lock()


@contextmanager
def loading_kernels() -> Iterator[None]:
    """Import what holds kernels inside of it; when it is left the compiler's memory is given back."""
    with _TURN:
        _load_compiler()
        yield
        give_back_compiler_pages()
        prepare_structs()


def _load_compiler() -> None:
    """In two steps, each given back before the next needs more: it keeps the peak 35 MB lower."""
    from numba.core.registry import cpu_target
    from numba.core.runtime import rtsys

    give_back_compiler_pages()
    rtsys.initialize(cpu_target.target_context)  # it compiles; the first kernel would do it, with more loaded by then
    give_back_compiler_pages()
