"""Secrets that are kept outside this machine: a plugin offers them under a scheme, as `ssm:/shop/token`.

`env:` and `file:` are RecoverOps' own. Whoever offers a scheme says so in `Plugin.schemes` and is built before those
that need it, with credentials of another kind.
"""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """One scheme. Thread-safe; what it answers is kept for some minutes, so it is not asked at every use."""

    @property
    def scheme(self) -> str: ...

    def secret(self, name: str) -> str:
        """The secret under this name, which is what follows the colon of the reference.

        Changes nothing. Raises `RecoverOpsError` that names the reference and what is missing, never the secret or a
        part of it; `RetryableError` when the other side did not answer, so that an earlier answer may still do.
        """
