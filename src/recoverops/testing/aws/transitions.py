"""States that change after a while, as in AWS: moto's instances and databases are in the new one at once.

Inside `slow(looks)` a started instance is `pending`, a stopped one `stopping`, and a modified database `modifying`,
until it was described so often. No clock: a test decides how often somebody has to look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_ON_THE_WAY = {"running": ("pending", 0), "stopped": ("stopping", 64)}
"""Final state of an instance -> the one before, with its code."""


class Transitions:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: dict[int, tuple[int, Callable[[], None]]] = {}

    @contextmanager
    def slow(self, looks: int) -> Iterator[None]:
        """At its end everything is in its final state."""
        from moto.ec2.models.instances import Instance
        from moto.ec2.responses.instances import InstanceResponse
        from moto.rds.models import RDSBackend
        from moto.rds.responses import RDSResponse

        places = (
            (Instance, "start", self._moving),
            (Instance, "stop", self._moving),
            (InstanceResponse, "describe_instances", self._looked),
            (RDSBackend, "modify_db_instance", self._modifying),
            (RDSResponse, "describe_db_instances", self._looked),
        )
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
        for owner, name, around in places:
            setattr(owner, name, around(getattr(owner, name), looks))
        try:
            yield
        finally:
            for owner, name, usual in before:
                setattr(owner, name, usual)
            self._settle()

    def _moving(self, usual: Callable[[Any], Any], looks: int) -> Callable[[Any], Any]:
        def move(instance: Any) -> Any:
            previous = usual(instance)
            final, code = instance._state.name, instance._state.code

            def arrive() -> None:
                instance._state.name, instance._state.code = final, code

            self._begin(instance, looks, arrive)
            instance._state.name, instance._state.code = _ON_THE_WAY[final]
            return previous

        return move

    def _modifying(self, usual: Callable[..., Any], looks: int) -> Callable[..., Any]:
        def modify(backend: Any, *given: Any, **named: Any) -> Any:
            database = usual(backend, *given, **named)

            def arrive() -> None:
                database.status = "available"

            self._begin(database, looks, arrive)
            database.status = "modifying"
            return database

        return modify

    def _looked(self, usual: Callable[[Any], Any], looks: int) -> Callable[[Any], Any]:
        def look(response: Any) -> Any:
            with self._lock:
                self._waiting = {key: (left - 1, arrive) for key, (left, arrive) in self._waiting.items()}
                for key in [key for key, (left, _) in self._waiting.items() if left < 0]:
                    self._waiting.pop(key)[1]()
            return usual(response)

        return look

    def _begin(self, thing: Any, looks: int, arrive: Callable[[], None]) -> None:
        with self._lock:
            self._waiting[id(thing)] = (looks, arrive)

    def _settle(self) -> None:
        with self._lock:
            for _, arrive in self._waiting.values():
                arrive()
            self._waiting.clear()
