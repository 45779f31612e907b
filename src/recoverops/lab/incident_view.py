"""What RecoverOps tells of its incidents over its HTTP door, and a person's request for a runbook; by the admin key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from recoverops.model import (
    ActionRecord,
    Decision,
    Hypothesis,
    Incident,
    IncidentId,
    PermanentError,
    Record,
    Run,
    TimelineEntry,
    UnreachableError,
)

TIMEOUT_S = 5.0

T = TypeVar("T")


class RunView(Run, frozen=True, kw_only=True):
    """A run with its effects."""

    actions: tuple[ActionRecord, ...] = ()


class IncidentView(Record, frozen=True, kw_only=True):
    """One incident with its whole story."""

    incident: Incident
    hypotheses: tuple[Hypothesis, ...] = ()
    decisions: tuple[Decision, ...] = ()
    runs: tuple[RunView, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()


class _Listing(msgspec.Struct):
    incidents: tuple[Incident, ...]


class _Accepted(msgspec.Struct):
    incident: IncidentId


class IncidentReader:
    """Raises UnreachableError when the door does not answer, PermanentError when it answers something else."""

    def __init__(self, url: str, *, admin_key: Path) -> None:
        self._key_file = admin_key
        # no proxy of the user's environment on the way to loopback
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def is_ready(self) -> bool:
        """False also while nothing listens yet."""
        try:
            return self._http.get("/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def all(self) -> tuple[IncidentView, ...]:
        """Every incident with its story, newest first."""
        listing = _decoded(self._get("/api/v1/incidents"), _Listing)
        return tuple(self.one(incident.id) for incident in listing.incidents)

    def one(self, incident_id: IncidentId) -> IncidentView:
        return _decoded(self._get(f"/api/v1/incidents/{incident_id}"), IncidentView)

    def ask_for(self, runbook: str, *, service: str, reason: str) -> IncidentId:
        """The incident that carries the request, as `recoverops run` makes it."""
        question = {"service": service, "runbook": runbook, "reason": reason}
        return _decoded(self._ask("POST", "/remediation/execute", question), _Accepted).incident

    def _get(self, path: str) -> bytes:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> bytes:
        key = self._key_file.read_text(encoding="utf-8").strip()
        try:
            response = self._http.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        except httpx.TransportError as error:
            raise UnreachableError(f"{method} {path} of RecoverOps was not answered: {error}") from error
        if not response.is_success:
            told = f"{method} {path} of RecoverOps answered {response.status_code}: {response.text[:200]}"
            raise PermanentError(told)
        return response.content


def _decoded(content: bytes, cls: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=cls)
    except msgspec.DecodeError as error:
        raise PermanentError(f"RecoverOps answered no {cls.__name__}: {error}") from error
