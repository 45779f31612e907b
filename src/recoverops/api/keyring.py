"""Who is calling, and what they may do. Keys are kept as digests and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from recoverops.api.settings import Role
from recoverops.model import ForbiddenError, MisconfiguredError, RecoverOpsError

SHORTEST_KEY = 20


class Right(StrEnum):
    READ = "read"
    DELIVER = "deliver signals"
    ANSWER = "answer questions"
    STOP = "engage the emergency stop"
    RESUME = "clear the emergency stop"
    DEBUG = "look inside"
    TRAIN = "train models"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.INTAKE: frozenset({Right.DELIVER}),
    Role.VIEWER: frozenset({Right.READ}),
    Role.RESPONDER: frozenset({Right.READ, Right.ANSWER, Right.STOP, Right.TRAIN}),
    Role.ADMIN: frozenset(Right),
}


class UnauthenticatedError(RecoverOpsError):
    """No key, or one that nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    name: str
    role: Role

    @property
    def actor(self) -> str:
        """As it stands in the audit log."""
        return f"key:{self.name}"

    def demand(self, right: Right) -> Principal:
        if right not in RIGHTS[self.role]:
            raise ForbiddenError(f'the key "{self.name}" has the role {self.role}, which may not {right}')
        return self


class Keyring:
    def __init__(self) -> None:
        self._by_digest: dict[bytes, Principal] = {}

    def add(self, key: str, principal: Principal) -> None:
        """Raises MisconfiguredError when the key is too short to be one, or somebody else's."""
        if len(key) < SHORTEST_KEY:
            raise MisconfiguredError(
                f'api.keys: the key of "{principal.name}" has {len(key)} characters, expected {SHORTEST_KEY} or more; '
                f"make one with: openssl rand -hex 24"
            )
        digest = _digest(key)
        known = self._by_digest.get(digest)
        if known is not None:
            raise MisconfiguredError(f'api.keys: "{principal.name}" and "{known.name}" have the same key; make another')
        self._by_digest[digest] = principal

    def become(self, other: Keyring) -> None:
        """From here on its keys are known, and no others."""
        self._by_digest = other._by_digest

    def recognise(self, authorization: str) -> Principal:
        """`authorization` is the header: `Bearer <key>`. Raises UnauthenticatedError."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError("send an API key in the header Authorization, after the word Bearer and a space")
        digest = _digest(key.strip())
        for known, principal in self._by_digest.items():
            if hmac.compare_digest(known, digest):
                return principal
        raise UnauthenticatedError("nobody has this API key")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
