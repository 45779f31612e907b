"""The log level of one service, read and set on the page that its settings declare. Used by the observations.

Only declared levels are ever accepted or sent. Neither path nor token is shown.
"""

from __future__ import annotations

import msgspec

from recoverops.egress import Fetcher, Target
from recoverops.model import PermanentError
from recoverops.plugins.http.settings import LogLevelSettings
from recoverops.redact import redact


class LogLevel:
    """Thread-safe; each call is bounded by the fetcher."""

    def __init__(self, settings: LogLevelSettings, target: Target, *, fetcher: Fetcher) -> None:
        self._settings = settings
        self._target = target
        self._fetcher = fetcher
        self.raised = settings.raised

    def read(self) -> str:
        """Raises `UnreachableError`, and `PermanentError` when the page tells no declared level."""
        answer = self._fetcher.fetch("GET", self._target, headers={"Accept": "application/json"})
        if answer.status != 200:
            raise PermanentError(f"{self._shown} answers with status {answer.status}, expected 200; check its url")
        try:
            level = msgspec.json.decode(answer.body, type=dict[str, object]).get(self._settings.field)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise PermanentError(f"{self._shown} answers with no JSON object; check its url") from error
        if level not in self._settings.levels:
            known = ", ".join(self._settings.levels)
            raise PermanentError(f"{self._shown} says {redact(repr(level))[:60]}, which is not one of levels: {known}")
        return str(level)

    def write(self, level: str) -> None:
        """Raises `UnreachableError` when it is not known whether it was set, `PermanentError` when it was not."""
        if level not in self._settings.levels:
            raise PermanentError(f'"{level}" is not one of the levels that are declared for {self._shown}')
        answer = self._fetcher.fetch(
            self._settings.method,
            self._target,
            headers={"Content-Type": "application/json"},
            content=msgspec.json.encode({self._settings.field: level}),
        )
        if not 200 <= answer.status < 300:
            raise PermanentError(f"{self._shown} refused the level {level} with status {answer.status}")

    @property
    def _shown(self) -> str:
        return f'the log level page of "{self._settings.service}" at {self._target.shown}'
