"""What a live scene is: what it shows, what it costs by the hour, and how it is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.live.aws.prices import Use
from tests.live.aws.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    name: str
    """Short: names of roles and buckets hold it. The action or source, where it shows one."""
    uses: tuple[Use, ...]
    play: Callable[[Stage], None]
    """Raises when something does not hold. Cleans up nothing: what `Stage` noted is removed afterwards."""
    shows: str = ""
    """The action or source that it shows; its name says it when this is empty."""

    @property
    def about(self) -> str:
        return self.shows or self.name
