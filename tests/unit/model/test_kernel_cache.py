"""A kernel on disk is read again as long as no source of its folder changed, and never afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

READER = """
import numba
from layout import PLACE
from recoverops.sources.compiled import compiled

@compiled(numba.int64(numba.int64[::1]))
def read(row):
    return row[PLACE]

if __name__ == "__main__":
    import numpy as np
    hits = sum(read.stats.cache_hits.values())
    print(read(np.array([10, 20])), hits)
"""


def run(folder: Path) -> tuple[int, int]:
    """What the kernel answers, and how often it came from the disk."""
    done = subprocess.run([sys.executable, "reader.py"], cwd=folder, capture_output=True, text=True, check=True)
    answer, hits = done.stdout.split()
    return int(answer), int(hits)


def test_a_kernel_is_compiled_anew_when_a_file_changed_from_which_it_took_a_constant(tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(READER)
    (tmp_path / "layout.py").write_text("PLACE = 0\n")
    assert run(tmp_path) == (10, 0)
    assert run(tmp_path) == (10, 1)
    # when an upgrade moves the field, and the kernel's own file stays as it was
    (tmp_path / "layout.py").write_text("PLACE = 1\n")
    assert run(tmp_path) == (20, 0)
    assert run(tmp_path) == (20, 1)
