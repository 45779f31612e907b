"""Who is calling, and what they may do. Keys are kept as digests and compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from recoverops.api.settings import Role
from recoverops.model import ForbiddenError, MisconfiguredError, RecoverOpsError

SHORTEST_KEY = 20
_NOBODY = "nobody has this API key"


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

    def add(self, key: str, principal: Principal) -> bytes:
        """Its digest. Raises MisconfiguredError when the key is too short to be one, or somebody else's."""
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
        return digest

    def hold(self, digest: bytes, principal: Principal) -> bool:
        """Whether a key that was known before is so here; not when it is somebody else's by now."""
        return self._by_digest.setdefault(digest, principal) is principal

    def become(self, other: Keyring) -> None:
        """From here on its keys are known, and no others."""
        self._by_digest = other._by_digest

    def recognise(self, authorization: str) -> Principal:
        """`authorization` is the header: `Bearer <key>`, or `Basic` with the name and the key of an intake key.

        Raises UnauthenticatedError. Basic is for senders that can only put it into their URL. Browsers send it by
        themselves, so no key that may do more than deliver is taken that way.
        """
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":
            name, _, key = _basic(given).partition(":")
            found = self._find(key)
            if found.role is not Role.INTAKE or not hmac.compare_digest(found.name.encode(), name.encode()):
                raise UnauthenticatedError(_NOBODY)
            return found
        if scheme.lower() != "bearer" or not given.strip():
            raise UnauthenticatedError("send an API key in the header Authorization, after the word Bearer and a space")
        return self._find(given.strip())

    def _find(self, key: str) -> Principal:
        digest = _digest(key)
        for known, principal in self._by_digest.items():
            if hmac.compare_digest(known, digest):
                return principal
        raise UnauthenticatedError(_NOBODY)


def _basic(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnauthenticatedError("what follows the word Basic in the header Authorization is not base64") from error


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
