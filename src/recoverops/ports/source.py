"""Where signals come from: polled, pushed, or pushed by somebody whose word has to be checked first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, runtime_checkable

from recoverops.model import Alert, Sample


class Source(Protocol):
    """Asked every `every` by one worker, never twice at once."""

    @property
    def name(self) -> str: ...

    @property
    def every(self) -> timedelta: ...

    def poll(self) -> tuple[Sample, ...]:
        """What is so now.

        Raises `UnreachableError` when the thing that *measures* did not answer (the supervisor daemon is gone): then
        nothing is known. A probe whose target refuses the connection is a sample with value 0, not an error.
        Bounded in time by the source itself, well below `every` or ten seconds, whichever is longer. One that does not
        return counts as no answer after three times `every`, at least 30 s; nobody can end it.
        """


class PushSource(Protocol):
    """Turns one delivery into records. Pure: the door owns route, limits and authentication."""

    @property
    def name(self) -> str:
        """The last part of the intake path: `POST /intake/<name>`."""

    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        """The alerts of the delivery, in its order. `headers` has lower-case names.

        Unknown fields are accepted. Raises `PermanentError` naming the offending value when the body is not this
        format; the sender gets it as a 400.
        """


@runtime_checkable
class VerifiedPushSource(PushSource, Protocol):
    """A push source whose deliveries prove where they come from, for which something has to be asked outside.

    `verify` is called before `decode` of the same delivery, which stays pure and is never called when it raised.
    """

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Returns when the delivery is what it says it is. Does I/O, bounded in time below ten seconds; idempotent.

        Raises `ForbiddenError` for one that is not (the sender gets 403), `PermanentError` for a body that is not this
        format (400), `RetryableError` when who had to be asked did not answer (503: the sender repeats it).
        """
