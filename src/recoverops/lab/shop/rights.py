"""What a service gives up at its start: every capability of root, and memory without end.

Without its capabilities even a process of root is refused what the mode of a file does not grant; where the lab is not
root there is nothing to give up. Own files stay its own, so it can be stopped and started as anybody.
"""

from __future__ import annotations

import ctypes
import os
import resource

MEMORY_LIMIT = 384 * 1024 * 1024
"""Bytes of private memory, as a container would limit it. A healthy service needs a tenth."""

_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def give_up_rights() -> None:
    """Raises OSError when the kernel does not let them go."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    if os.geteuid() != 0:
        return
    "localhost".encode("idna")  # loads what name look-ups load later, perhaps from a home that only root may enter
    libc = ctypes.CDLL(None, use_errno=True)
    header, none = _Header(_VERSION_3, 0), (_Sets * 2)()
    if libc.capset(ctypes.byref(header), none) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")
