"""The API keys that hold: read at the start, and anew at SIGHUP; `status` says what became of that.

A key that cannot be read at a reload stays as it was, and each of the others turns to its new value all the same: one
that is to be revoked does not wait for another's file. It is in force before it is written down, for the same reason.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from recoverops.api.keyring import Keyring, Principal
from recoverops.app.admin_key import admin_key
from recoverops.app.api_keys import ADMIN, api_keys
from recoverops.app.settings import Settings
from recoverops.app.vault import Vault
from recoverops.model import ComponentState, ComponentStatus, RecoverOpsError
from recoverops.pipeline import ENGINE
from recoverops.ports import Clock, Store, Tx
from recoverops.redact import redact

_LOG = logging.getLogger("recoverops.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a reload found, the keys in the order of the configuration, the admin's first."""

    keyring: Keyring
    digests: tuple[bytes | None, ...]
    """None: it could not be read, and what it was is another's by now."""
    changed: tuple[str, ...]
    """Names of those that have a new value."""
    kept: tuple[tuple[str, str], ...]
    """Name and reason of those that could not be read."""


class Keys:
    """`keyring` is one object for the life of the process; the HTTP door has it."""

    def __init__(self, settings: Settings, vault: Vault, clock: Clock) -> None:
        self.keyring = Keyring()
        self._settings = settings
        self._vault = vault
        self._clock = clock
        self._digests: tuple[bytes | None, ...] = ()
        self._kept: tuple[tuple[str, str], ...] = ()
        self._turning = threading.Lock()
        self._status = self._told(ComponentState.STARTING, "not read yet")

    @property
    def status(self) -> ComponentStatus:
        return self._status

    def load(self) -> None:
        """Raises what `api_keys`, `admin_key` and `Keyring.add` raise: no engine starts with half of its keys."""
        found = api_keys(self._settings, self._vault)
        keyring = Keyring()
        digests = [keyring.add(admin_key(self._settings.data_dir), ADMIN)]
        digests += [keyring.add(key, Principal(name=one.name, role=one.role)) for one, key in found]
        self.keyring.become(keyring)
        self._digests = tuple(digests)
        self._status = self._told(ComponentState.UP, f"{len(digests)} keys hold")

    def reload(self, store: Store) -> None:
        """Raises nothing that is a matter of the keys or of the store; `status`, log and audit log say it."""
        with self._turning:
            reading = self._read()
            self.keyring.become(reading.keyring)
            before, self._kept, self._digests = self._kept, reading.kept, reading.digests
            self._status = self._in_words(reading)
            events = tuple(_events(reading, kept_before=before))
            for event, detail in events:
                _LOG.log(logging.ERROR if "because" in detail else logging.INFO, event.replace(".", "_"), extra=detail)
            if events:
                self._audit(store, events)

    def _read(self) -> _Reading:
        keyring, digests, changed = Keyring(), list[bytes | None](), list[str]()
        kept: list[tuple[int, Principal, str]] = []
        for position, (principal, look) in enumerate(self._looks()):
            try:
                digests.append(keyring.add(look(), principal))
            except (RecoverOpsError, OSError) as error:
                digests.append(None)
                kept.append((position, principal, redact("; ".join(str(error).splitlines()))))
                continue
            if digests[position] != self._digests[position]:
                changed.append(principal.name)
        for position, principal, _ in kept:
            old = self._digests[position]
            if old is not None and keyring.hold(old, principal):
                digests[position] = old
        return _Reading(
            keyring=keyring,
            digests=tuple(digests),
            changed=tuple(changed),
            kept=tuple((principal.name, why) for _, principal, why in kept),
        )

    def _looks(self) -> Iterator[tuple[Principal, Callable[[], str]]]:
        yield ADMIN, lambda: admin_key(self._settings.data_dir)
        for one in self._settings.api.keys:
            yield Principal(name=one.name, role=one.role), partial(self._vault.resolve, one.key, only_fresh=True)

    def _in_words(self, reading: _Reading) -> ComponentStatus:
        hold = f"{len(reading.digests)} keys hold"
        if not reading.kept:
            return self._told(ComponentState.UP, f"{hold}, read anew")
        told = "; ".join(f"{name} is as it was before, because {why}" for name, why in reading.kept)
        return self._told(ComponentState.DEGRADED, told)

    def _audit(self, store: Store, events: tuple[tuple[str, dict[str, str]], ...]) -> None:
        now = self._clock.now()

        def write(tx: Tx) -> None:
            for event, detail in events:
                tx.audit.append(at=now, actor=ENGINE, event=event, subject=ENGINE, detail=detail)

        try:
            store.write(write)
        except RecoverOpsError as error:
            why = redact("; ".join(str(error).splitlines()))
            _LOG.error("keys_not_audited", extra={"because": why})
            told = f"{self._status.statement}; what changed is not in the audit log, because {why}"
            self._status = self._told(ComponentState.DEGRADED, told)

    def _told(self, state: ComponentState, statement: str) -> ComponentStatus:
        return ComponentStatus(name="keys", state=state, statement=statement, since=self._clock.now())


def loaded_keys(settings: Settings, vault: Vault, clock: Clock) -> Keys:
    """Raises what `Keys.load` raises."""
    keys = Keys(settings, vault, clock)
    keys.load()
    return keys


def _events(reading: _Reading, *, kept_before: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Only what is new: SIGHUP comes for the sake of the rules as well. Names, never values."""
    if reading.changed or (kept_before and not reading.kept):
        yield "keys.reloaded", {"changed": ", ".join(reading.changed)}
    if reading.kept and reading.kept != kept_before:
        names = ", ".join(name for name, _ in reading.kept)
        yield "keys.kept", {"kept": names, "because": "; ".join(why for _, why in reading.kept)}
