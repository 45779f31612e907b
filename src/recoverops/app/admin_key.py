"""The admin's key in <data_dir>/admin.key. Read and made by `app/serve.py`, looked at by `recoverops check`."""

from __future__ import annotations

from pathlib import Path

from recoverops.api.keyring import SHORTEST_KEY
from recoverops.app.files import ADMIN_KEY_FILE
from recoverops.model import MisconfiguredError, OverloadedError
from recoverops.model.ids import new_key
from recoverops.storage import write_durably


def admin_key(data_dir: Path) -> str:
    """Made on the first start, readable by its owner only.

    Raises MisconfiguredError for a file that holds no key, OverloadedError when it cannot be written.
    """
    known = known_admin_key(data_dir)
    if known is not None:
        return known
    path, key = data_dir / ADMIN_KEY_FILE, new_key()
    try:
        write_durably(path, f"{key}\n".encode())
    except PermissionError as error:
        raise MisconfiguredError(
            f"{path} cannot be written ({error.strerror}); "
            "the data directory must belong to the user that runs RecoverOps"
        ) from error
    except OSError as error:
        raise OverloadedError(
            f"{path} cannot be written ({error.strerror}); is its disk full? Free some space"
        ) from error
    return key


def known_admin_key(data_dir: Path) -> str | None:
    """None when there is none yet. Raises MisconfiguredError for a file that holds no key."""
    path = data_dir / ADMIN_KEY_FILE
    try:
        key = path.read_bytes().decode(errors="replace").strip()
    except FileNotFoundError:
        return None
    if len(key) < SHORTEST_KEY:
        raise MisconfiguredError(
            f"{path} holds {len(key)} characters, expected a key of {SHORTEST_KEY} or more; delete the file and start: "
            "a new key is made"
        )
    return key
