"""Lets alerts in: decoded by their vendor, stored durably, and only then acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from recoverops.model import Admission, Alert, NotFoundError, PermanentError
from recoverops.ports import PushSource, Store

SHOWN = 80
"""Characters of an offending value that an error repeats."""

_NUL = b"\\u0000"
"""As it is written in JSON, also where JSON stands in a text of JSON; without it in the body no text has one."""


def admit(
    store: Store, push_sources: Mapping[str, PushSource], name: str, headers: Mapping[str, str], body: bytes
) -> Future[Admission]:
    """A future that is done after the durable write.

    Raises NotFoundError for an unknown source, PermanentError for a body that is not its format, OverloadedError when
    the queue is full.
    """
    source = push_sources.get(name)
    if source is None:
        known = ", ".join(sorted(push_sources)) or "none"
        raise NotFoundError(f'there is no intake "{name}"; known are: {known}')
    alerts = source.decode(headers, body)
    if _NUL in body:
        _refuse_nul(alerts)
    return store.admit(alerts, size=len(body))


def _refuse_nul(alerts: Sequence[Alert]) -> None:
    """Raises PermanentError: no text of PostgreSQL holds one, and what is made of an alert is stored in many places."""
    for index, alert in enumerate(alerts):
        texts = {"fingerprint": alert.fingerprint}
        for kind, pairs in (("labels", alert.labels), ("annotations", alert.annotations)):
            texts |= {f"{kind}, a name": "".join(pairs), **{f"{kind}[{key!r}]": text for key, text in pairs.items()}}
        for where, text in texts.items():
            if "\x00" in text:
                raise PermanentError(
                    f"alert {index}, {where} has a NUL character (\\u0000), which no text may have here: "
                    f"{text[:SHOWN]!r}; send it without"
                )
