"""Following a log file through everything that happens to log files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recoverops.plugins.linux.sources.tail import Tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "app.log"
    file.write_bytes(b"old\n")
    return file


def append(file: Path, data: bytes) -> None:
    with file.open("ab") as out:
        out.write(data)


def started(file: Path, *, limit: int = 65536) -> Tail:
    tail = Tail(str(file), bytes_a_call=limit)
    assert tail.read() == []
    return tail


def test_it_starts_at_the_end_and_reads_what_is_new(log: Path) -> None:
    tail = started(log)
    append(log, b"one\ntwo\r\n")
    assert tail.read() == ["one", "two"]
    assert tail.read() == []


def test_a_line_without_its_end_is_kept_until_it_has_one(log: Path) -> None:
    tail = started(log)
    append(log, b"half")
    assert tail.read() == []
    append(log, b" and half\nnext")
    assert tail.read() == ["half and half"]


def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_beginning(log: Path) -> None:
    tail = started(log)
    append(log, b"before\nlast")
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"after\n")
    assert tail.read() == ["before", "last", "after"]


def test_a_truncated_file_is_begun_anew(log: Path) -> None:
    tail = started(log)
    append(log, b"some partial")
    tail.read()
    os.truncate(log, 0)
    append(log, b"new\n")
    assert tail.read() == ["new"]


def test_a_deleted_file_is_let_go_and_found_again(log: Path) -> None:
    tail = started(log)
    append(log, b"last\n")
    log.unlink()
    assert tail.read() == ["last"]
    assert not [link for link in Path("/proc/self/fd").iterdir() if _target(link).startswith(str(log))]
    assert tail.read() is None
    log.write_bytes(b"first\n")
    assert tail.read() == ["first"]


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


def test_a_file_that_appears_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    tail = Tail(str(tmp_path / "late.log"), bytes_a_call=65536)
    assert tail.read() is None
    (tmp_path / "late.log").write_bytes(b"first\n")
    assert tail.read() == ["first"]


def test_bytes_that_are_no_text_survive(log: Path) -> None:
    tail = started(log)
    append(log, b"\xff\xfe\x00\x80 ERROR\n" + bytes(range(256)) + b"\n")
    lines = tail.read()
    assert lines is not None
    assert lines[0].endswith(" ERROR")


def test_a_call_reads_no_more_than_its_limit_and_the_rest_comes_later(log: Path) -> None:
    tail = started(log, limit=4096)
    append(log, b"x" * 1023 + b"\n" * 1)
    append(log, (b"y" * 1023 + b"\n") * 7)
    first, second = tail.read(), tail.read()
    assert (len(first or ()), len(second or ())) == (4, 4)


def test_a_flood_is_told_by_its_newest_lines(log: Path) -> None:
    tail = started(log, limit=4096)
    append(log, b"".join(b"line %06d\n" % number for number in range(10_000)))
    lines = tail.read()
    assert lines is not None
    assert lines[-1] == "line 009999"
    assert all(len(line) == len("line 009999") for line in lines), "a line was cut in two"
    assert tail.skipped > 100_000


def test_an_endless_line_costs_no_memory_and_ends(log: Path) -> None:
    tail = started(log)
    seen: list[str] = []
    for _ in range(20):
        append(log, b"z" * 60_000)
        seen += tail.read() or []
    append(log, b"\nshort\n")
    seen += tail.read() or []
    assert [line[:5] for line in seen] == ["zzzzz", "short"]
    assert len(seen[0]) <= 16 * 1024


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        Tail(str(tmp_path / "pipe"), bytes_a_call=4096).read()
