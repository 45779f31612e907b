"""In a child process: the pages of this one belong to the tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
from pathlib import Path
from recoverops.app.compiler_pages import give_back_compiler_pages
from recoverops.detection.metrics.streaming import StreamDetector

def of_files():
    return int(Path("/proc/self/status").read_text().split("RssFile:")[1].split()[0])

loaded = of_files()
give_back_compiler_pages()
print(loaded, of_files())
StreamDetector().to_bytes()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux's own")
def test_what_only_loading_needed_is_given_back_and_the_kernels_still_run() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=120, check=True)

    before, after = map(int, done.stdout.split())
    assert before - after > 20_000, "kB of LLVM's own code"


def test_without_the_compiler_nothing_happens() -> None:
    child = "from recoverops.app.compiler_pages import give_back_compiler_pages as give_back; give_back()"

    subprocess.run([sys.executable, "-c", child], timeout=60, check=True)
