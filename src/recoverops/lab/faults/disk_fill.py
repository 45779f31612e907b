"""Old dumps fill the disk that the database writes to, to the last byte."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from recoverops.lab.faults.fault import Needs
from recoverops.lab.scene import Scene, Target
from recoverops.model import IncidentKind, PermanentError

DUMP_BYTES = 1024 * 1024
BLOCK = b"-- nothing that anybody needs\n" * 136
MOST_DUMPS = 64
"""Far more than the small disk holds: a larger disk is not the lab's, and is left alone."""
HOUR_S = 3600.0


class DiskFill:
    name = "disk-fill"
    summary = "old dumps fill its disk"
    service = "database"
    cause_expected = IncidentKind.DISK_FULL
    allowed = frozenset({"quarantine-files", "free-disk"})
    needs = Needs.MOUNT

    def inject(self, scene: Scene, target: Target) -> None:
        folder = scene.dumps()
        folder.mkdir(exist_ok=True)
        for number in range(1, MOST_DUMPS + 1):
            if _write(folder / f"dump-{number:03}.sql", age_s=(MOST_DUMPS + 2 - number) * HOUR_S):
                return
        self.restore(scene, target)
        raise PermanentError(f"{MOST_DUMPS} MiB did not fill {folder}; expected the lab's own small disk there")

    def restore(self, scene: Scene, target: Target) -> None:
        for dump in scene.dumps().glob("dump-*.sql"):
            dump.unlink(missing_ok=True)


def _write(file: Path, *, age_s: float) -> bool:
    """Whether the disk is full now."""
    try:
        with file.open("wb", buffering=0) as out:
            while out.tell() < DUMP_BYTES:
                out.write(BLOCK)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise PermanentError(f"{file} could not be written: {error}") from error
        return True
    finally:
        then = time.time() - age_s
        os.utime(file, (then, then))
    return False
