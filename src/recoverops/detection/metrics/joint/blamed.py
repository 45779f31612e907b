"""A core that a plugin brought: when it breaks, the answer says which one, and nothing else breaks with it.

Made by `model.py` for every core that is not bundled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.model import PermanentError, RecoverOpsError
from recoverops.model.joint import Evidence, MetricTable
from recoverops.ports import JointCore


@contextmanager
def blamed(kind: str) -> Iterator[None]:
    try:
        yield
    except (RecoverOpsError, KeyError, ValueError, TypeError):
        raise  # words of its own, or those that `restore` may use
    except Exception as error:
        raise PermanentError(
            f"the kind of model {kind!r}, of a plugin, failed: {type(error).__name__}: {error}"
        ) from error


@dataclass(frozen=True, slots=True)
class Blamed:
    """`ports.JointCore`."""

    core: JointCore

    @property
    def kind(self) -> str:
        return self.core.kind

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.core.metrics

    def start(self) -> bytes:
        return self.core.start()

    def run(self, state: bytes, table: MetricTable) -> tuple[bytes, Evidence]:
        try:
            after, evidence = self.core.run(state, table)
        except RecoverOpsError:
            raise
        except Exception as error:
            raise self._broken(f"{type(error).__name__}: {error}") from error
        shape = (len(table), len(table.metrics))
        shapes = (np.shape(evidence.raw), np.shape(evidence.status), np.shape(evidence.contributions))
        if shapes != ((len(table),), (len(table),), shape) or np.shape(evidence.missing) != shape:
            raise self._broken(f"it gave evidence of the shapes {shapes} for {shape[0]} rows of {shape[1]} metrics")
        return after, evidence

    def started_at(self, state: bytes) -> Blamed:
        return Blamed(self.core.started_at(state))

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        return self.core.describe()

    def _broken(self, why: str) -> PermanentError:
        return PermanentError(f"the kind of model {self.kind!r}, of a plugin, failed: {why}")
