"""Four threads that are the first to read a class, in a child process: without preparation it dies."""

from __future__ import annotations

import signal
import subprocess
import sys

from recoverops.app.structs import prepare_structs
from recoverops.model import Incident, Outcome, Run

CHILD = """
import sys, threading, types
import msgspec
from recoverops.app.structs import prepare_structs

sys.setswitchinterval(1e-6)
SOURCE = '''
from __future__ import annotations
import msgspec
class Inner(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    text: str
    table: dict[str, list[tuple[int, str]]] = {}
    inner: Inner | None = None
class Outer(msgspec.Struct, frozen=True, kw_only=True):
    one: Inner
    many: tuple[Inner, ...] = ()
'''
PLAIN = {"one": {"number": 1, "text": "a", "inner": {"number": 2, "text": "b"}}, "many": [{"number": 3, "text": "c"}]}

def read(cls, together):
    together.wait()
    msgspec.convert(PLAIN, cls)

for number in range(int(sys.argv[2])):
    module = sys.modules[f"m{number}"] = types.ModuleType(f"m{number}")
    exec(SOURCE, module.__dict__)
    if sys.argv[1] == "prepared":
        prepare_structs()
    together = threading.Barrier(4)
    threads = [threading.Thread(target=read, args=(module.Outer, together)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def child(how: str, rounds: int) -> int:
    return subprocess.run(
        [sys.executable, "-c", CHILD, how, str(rounds)], timeout=150, check=False, capture_output=True
    ).returncode


def test_classes_that_were_prepared_are_read_by_many_threads_at_once() -> None:
    assert child("prepared", 200) == 0


def test_msgspec_still_needs_it() -> None:
    """When this fails, `app/structs.py` may go."""
    assert child("unprepared", 3000) == -signal.SIGSEGV


def test_the_records_that_are_stored_are_among_them() -> None:
    assert prepare_structs() > 40
    assert all(getattr(cls, "__struct_fields__", ()) for cls in (Incident, Run, Outcome))
