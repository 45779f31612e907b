"""Which patterns over `kind:name` can match something, and what one covers."""

from __future__ import annotations

import pytest

from recoverops.topology import covered, never_matches

KNOWN = ("service:checkout", "service:payments")


@pytest.mark.parametrize(
    "pattern",
    [
        "service:checkout",
        "service:pay*",
        "service:not-yet*",
        "*",
        "*out",
        "serv*",
        "[sh]*",
        "host:web-1",
        "source:*",
        "service:db",
        "service:payments-2",
    ],
)
def test_a_pattern_that_may_match_something_is_taken(pattern: str) -> None:
    assert never_matches(pattern, KNOWN) is None


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("service:checkuot", 'did you mean "service:checkout"?'),
        ("service", "it has no kind; write kind:name"),
        ("", "it has no kind"),
        ("service:", "write service:name, or service:* for all of them"),
        ("checkout", 'did you mean "service:checkout"?'),
        ("check*", "write kind:name, e.g. service:check*"),
        ("host:", "write host:name"),
        ("servce:check*", 'did you mean "service:check*"?'),
        ("pod:checkout", "known kinds are: service, host, source"),
    ],
)
def test_a_pattern_that_can_match_nothing_is_told_with_the_way_out(pattern: str, told: str) -> None:
    why = never_matches(pattern, KNOWN)
    assert why is not None
    assert told in why


def test_what_a_pattern_covers() -> None:
    assert covered("service:*out", KNOWN) == ("service:checkout",)
    assert covered("service:db*", KNOWN) == ()
