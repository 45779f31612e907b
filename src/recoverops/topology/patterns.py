"""Patterns over `kind:name` with * and ?: whether one can mean anything at all, and what it covers now. Pure.

Asked for `decision.protected` and `decision.allow` when they are read, and for a silence when it begins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from recoverops.model import ResourceKind
from recoverops.topology.nearness import mistaken_for

_WILDCARD = re.compile(r"[*?\[]")
_SERVICE = f"{ResourceKind.SERVICE}:"


def has_wildcard(pattern: str) -> bool:
    return _WILDCARD.search(pattern) is not None


def covered(pattern: str, known: Iterable[str]) -> tuple[str, ...]:
    """Those of the `known` resources, each as `kind:name`, that it matches; sorted."""
    return tuple(sorted(one for one in known if fnmatchcase(one, pattern)))


def never_matches(pattern: str, known: Collection[str] | None) -> str | None:
    """Why it can match nothing, with the way out; None when it may match something.

    `known` are the services of the inventory as `service:name`; None: any may come. Names of hosts and sources nobody
    knows beforehand.
    """
    start = _WILDCARD.split(pattern, maxsplit=1)[0]
    is_bare = ":" not in pattern and not has_wildcard(pattern)
    if is_bare or not any(start.startswith(f"{kind}:") or f"{kind}:".startswith(start) for kind in ResourceKind):
        return _without_kind(pattern, known or ())
    if known is None or has_wildcard(pattern) or pattern in known:
        return None
    kind, colon, name = pattern.partition(":")
    if colon and not name:
        return f"it has no name; write {kind}:name, or {kind}:* for all of them"
    if colon and kind != ResourceKind.SERVICE:
        return None
    return _without_match(pattern, known)


def _without_kind(pattern: str, known: Collection[str]) -> str:
    kind, colon, rest = pattern.partition(":")
    if not colon:
        meant = "" if has_wildcard(pattern) else _meant(f"{_SERVICE}{pattern}", known)
        return f"it has no kind; {meant or f'write kind:name, e.g. {_SERVICE}{pattern}'}"
    nearest = get_close_matches(kind, list(ResourceKind), n=1)
    way_out = f'did you mean "{nearest[0]}:{rest}"?' if nearest else f"known kinds are: {', '.join(ResourceKind)}"
    return f'"{kind}" is no kind of resource; {way_out}'


def _without_match(pattern: str, known: Collection[str]) -> str | None:
    """None when no name is so near that this must be a slip for it: a list may name more than this inventory has."""
    near = mistaken_for(pattern.removeprefix(_SERVICE), [one.removeprefix(_SERVICE) for one in known])
    return f'no service of the inventory is called so; did you mean "{_SERVICE}{near}"?' if near else None


def _meant(pattern: str, known: Collection[str]) -> str:
    if pattern in known:
        return f'did you mean "{pattern}"?'
    names = [one.removeprefix(_SERVICE) for one in known]  # the kind, which all have, would make all of them near
    nearest = get_close_matches(pattern.removeprefix(_SERVICE), names, n=1)
    return f'did you mean "{_SERVICE}{nearest[0]}"?' if nearest else ""
