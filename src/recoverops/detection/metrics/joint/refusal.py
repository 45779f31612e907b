"""Why a history cannot be learned from. Training never invents what is missing."""

from __future__ import annotations

from enum import StrEnum

from recoverops.model import PermanentError


class Lack(StrEnum):
    """What the history lacks."""

    BROKEN = "broken"
    """not a table: shapes, names or the order of times are wrong"""
    TOO_FEW_POINTS = "too_few_points"
    CONSTANT = "constant"
    ONE_SIDED = "one_sided"
    """it shows one side only: a metric in one stretch and not in another, or hardly any normal row"""


class UntrainableError(PermanentError):
    """This history does not teach a model. The message says what is missing and how to get it."""

    def __init__(self, lack: Lack, message: str) -> None:
        super().__init__(message)
        self.lack = lack
