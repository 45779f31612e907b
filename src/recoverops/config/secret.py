"""References to secrets: `env:NAME` and `file:/path`. A secret itself never stands in a configuration.

Other schemes are offered by plugins, and are resolved by `app`, which knows them.

No message of this file holds a secret, not even a part of one; a literal is refused without being repeated.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from recoverops.model import MisconfiguredError

MAX_BYTES = 64 * 1024
_FORMS = (
    "write env:NAME and set that variable, file:/path and put it into that file, or a form that a plugin of this "
    "configuration offers"
)


def resolve_secret(reference: str, environment: Mapping[str, str]) -> str:
    """The secret behind the reference, without the line break at its end. Raises `MisconfiguredError`."""
    kind, colon, name = reference.partition(":")
    if colon and kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return _from_variable(name, environment)
    if colon and kind == "file" and name.startswith("/"):
        return _from_file(Path(name))
    if colon and kind == "file":
        raise MisconfiguredError(f"a reference to a secret starts with file: but its path is not absolute; {_FORMS}")
    raise MisconfiguredError(
        f"a secret is written out, or not as a reference, where only a reference may stand; {_FORMS}"
    )


def _from_variable(name: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(name, "").strip()
    if not secret:
        raise MisconfiguredError(f"secret env:{name}: the variable is not set or empty; set it and start again")
    return secret


def _from_file(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise MisconfiguredError(f"secret file:{path}: this is not a regular file; name a file")
        if status.st_mode & stat.S_IROTH:
            raise MisconfiguredError(f"secret file:{path}: every user can read it; run chmod o-r {path}")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or "unknown error"
        raise MisconfiguredError(
            f"secret file:{path}: it cannot be read ({why}); correct the path or its owner"
        ) from error
    return _text_of(content, path)


def _text_of(content: bytes, path: Path) -> str:
    if len(content) > MAX_BYTES:
        raise MisconfiguredError(
            f"secret file:{path}: it is larger than 64 KiB; name a file that holds the secret alone"
        )
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise MisconfiguredError(f"secret file:{path}: it is not UTF-8 text; store the secret as text") from None
    if not secret:
        raise MisconfiguredError(f"secret file:{path}: it is empty; put the secret into it")
    return secret
