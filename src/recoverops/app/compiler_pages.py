"""Gives back the memory of the compiler behind the kernels, once they are loaded.

Loading compiled kernels reads some 60 MB of LLVM's own code that running them never touches. Pages of a file that
nobody has written to, and nobody can, may be forgotten at any time: the system reads them again should they be needed.
Called after each loading of kernels. Where it is not possible nothing happens but that the process stays larger.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

_SMAPS = Path("/proc/self/smaps")
_COMPILER = "libllvmlite"
_MADV_DONTNEED = 4


def give_back_compiler_pages() -> None:
    try:
        told = _SMAPS.read_text(encoding="utf-8", errors="replace")
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for begin, end in _clean_mappings(told):
        madvise(begin, end - begin, _MADV_DONTNEED)


def _clean_mappings(smaps: str) -> Iterator[tuple[int, int]]:
    """Addresses of the compiler's mappings that cannot be written to and hold nothing that was, as relocations are."""
    found: tuple[int, int] | None = None
    for line in smaps.splitlines():
        field, _, rest = line.partition(" ")
        if not field.endswith(":"):
            begin, _, end = field.partition("-")
            is_asked = _COMPILER in line and "w" not in rest.split(" ", 1)[0]
            found = (int(begin, 16), int(end, 16)) if is_asked else None
        elif field == "Private_Dirty:" and found is not None and rest.split()[0] == "0":
            yield found
