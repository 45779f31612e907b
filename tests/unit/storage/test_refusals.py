"""What a database says, as errors of RecoverOps with the right way out."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa

from recoverops.model import OverloadedError, UnreachableError
from recoverops.storage.refusals import FULL, translated


def io_error(code: str) -> sa.exc.OperationalError:
    cause = sqlite3.OperationalError("disk I/O error")
    cause.sqlite_errorname = code
    return sa.exc.OperationalError("PRAGMA journal_mode=WAL", {}, cause)


@pytest.mark.parametrize("code", ["SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE", "SQLITE_CANTOPEN"])
def test_an_input_output_error_on_a_full_disk_is_a_full_disk(code: str) -> None:
    told = r"disk is full \(disk I/O error; 4096 bytes are left\); free some space"
    with pytest.raises(OverloadedError, match=told), translated("it", free_bytes=lambda: 4096):
        raise io_error(code)


@pytest.mark.parametrize("left", [FULL, None])
def test_an_input_output_error_on_a_disk_with_room_is_none(left: int | None) -> None:
    told = r"does not answer \(disk I/O error\)"
    with pytest.raises(UnreachableError, match=told), translated("it", free_bytes=lambda: left):
        raise io_error("SQLITE_IOERR_WRITE")
