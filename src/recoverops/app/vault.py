"""Every secret that a reference leads to. One place asks, remembers for some minutes, and knows what to hide.

`app` makes one for each configuration. It never logs a secret, and never puts one into an error.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from recoverops.config import resolve_secret
from recoverops.model import MisconfiguredError, PermanentError, RecoverOpsError, RetryableError
from recoverops.ports import Clock, Secrets
from recoverops.redact import redact

FRESH_FOR = timedelta(minutes=5)
"""A secret of a plugin's scheme is asked for again after this: one that was rotated counts soon."""
USABLE_FOR = timedelta(hours=1)
"""So long an earlier answer does while whoever keeps the secret cannot be reached."""
OWN_SCHEMES = ("env", "file")
_LOG = logging.getLogger("recoverops.secrets")


@dataclass(frozen=True, slots=True)
class _Known:
    secret: str
    at: float
    is_fresh: bool = True


class Vault:
    """Thread-safe."""

    def __init__(
        self, environment: Mapping[str, str], clock: Clock, *, offered: Collection[str], ask: Callable[[str], Secrets]
    ) -> None:
        """`offered` are the schemes of plugins; `ask` gives the one behind a scheme, or raises `RecoverOpsError`."""
        self._environment = environment
        self._clock = clock
        self._offered = offered
        self._ask = ask
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    @classmethod
    def without_plugins(cls, environment: Mapping[str, str], clock: Clock) -> Vault:
        """Resolves `env:` and `file:` alone."""

        def nobody(scheme: str) -> Secrets:
            raise MisconfiguredError(f"no plugin is loaded that reads {scheme}:...")

        return cls(environment, clock, offered=(), ask=nobody)

    @property
    def schemes(self) -> tuple[str, ...]:
        """Those under which a reference may stand in this configuration."""
        return (*OWN_SCHEMES, *sorted(self._offered))

    @property
    def handed_out(self) -> tuple[str, ...]:
        """Every secret of a plugin's scheme that was asked for, so that it can be taken out of texts."""
        with self._lock:
            return tuple(one.secret for one in self._known.values())

    def is_kept_by_a_plugin(self, reference: str) -> bool:
        return reference.partition(":")[0] in self._offered

    def resolve(self, reference: str, *, only_fresh: bool = False) -> str:
        """The secret behind the reference. `only_fresh`: an earlier answer does not do while nobody answers.

        Raises MisconfiguredError for what is no reference or leads nowhere, and what a plugin's `Secrets` raises.
        """
        if not self.is_kept_by_a_plugin(reference):
            return resolve_secret(reference, self._environment)
        now = self._clock.monotonic()
        with self._lock:
            known = self._known.get(reference)
        if known is not None and known.is_fresh and now - known.at < FRESH_FOR.total_seconds():
            return known.secret
        try:
            secret = self._asked(reference)
        except RetryableError as error:
            if only_fresh or known is None or now - known.at >= USABLE_FOR.total_seconds():
                raise
            _LOG.warning("secret_not_renewed", extra={"reference": reference, "error": redact(str(error))})
            return known.secret
        with self._lock:
            self._known[reference] = _Known(secret, now)
        return secret

    def renew(self) -> None:
        """From here on each secret is asked for anew; the earlier answer does only while nobody answers."""
        with self._lock:
            self._known = {name: _Known(one.secret, one.at, is_fresh=False) for name, one in self._known.items()}

    def _asked(self, reference: str) -> str:
        scheme, _, name = reference.partition(":")
        keeper = self._ask(scheme)
        try:
            secret = keeper.secret(name)
        except RecoverOpsError:
            raise
        except Exception as error:  # noqa: BLE001 - around a plugin's call; its text may hold the secret, so it is dropped
            raise PermanentError(f"secret {reference}: asking for it failed: {type(error).__name__}") from None
        if not secret.strip():
            raise MisconfiguredError(f"secret {reference}: it is empty; store the secret there")
        return secret.strip()
