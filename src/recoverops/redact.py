"""Takes secrets out of text before it is stored, logged, sent or shown.

Called on every output of an action and every error of an outgoing call. It errs on the side of hiding too much; it is
a second net, the first being that secrets are never put into records at all.
"""

from __future__ import annotations

import re

HIDDEN = "[redacted]"

# Atomic, and begun only at the beginning of a run of name characters: else long names of the wrong kind take minutes.
_NAME = (
    r"(?>[\w.-]*?"
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|authorization|credential)[\w.-]*+)"
)
# What only says where a secret is stays: a reference secretsmanager:name, and that service's permissions and ARNs.
_NO_NAME = r"(?<!\d{12}:)(?!secretsmanager:\S)"
_ASSIGNED = rf"(?i)((?<![\w.-]){_NO_NAME}{_NAME}[\"']?\s*[=:]\s*"

_PATTERNS: tuple[tuple[tuple[str, ...], tuple[re.Pattern[str], ...]], ...] = (
    (
        ("password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "accesskey",
         "access_key", "access-key", "authorization", "credential"),
        (
            # key=value and key: value, where the key names a secret; the value as a whole when it is quoted
            re.compile(rf'{_ASSIGNED}")(?:\\.|[^"\\])+(?=")'),
            re.compile(rf"{_ASSIGNED}')(?:\\.|[^'\\])+(?=')"),
            re.compile(rf"{_ASSIGNED}[\"']?)(?:(?:bearer|basic)\s+)?[^\s\"',;&}}]+"),
            # --key value
            re.compile(rf"(?i)((?<!\S)-{_NAME}\s+)[^\s-]\S*"),
        ),
    ),
    (("bearer", "basic"), (re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"),)),
    (
        ("://",),
        (
            # user:password@ in a URL
            re.compile(r"(://[^\s:/@]*:)[^\s/]+(?=@)"),
            # Slack incoming webhooks are secrets as a whole
            re.compile(r"(https://hooks\.slack\.com/services/)\S+"),
        ),
    ),
    # tokens that can be told by their form: Slack, GitHub, JSON web tokens
    (
        ("xox", "gh", "eyj"),
        (re.compile(r"()\b(?:xox[a-z]-[\w-]{8,}|gh[a-z]_\w{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"),),
    ),
    # AWS access key ids and PEM private keys
    (("akia", "asia"), (re.compile(r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),)),
    (
        ("private key",),
        (
            re.compile(
                r"()-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----BEGIN).)*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
            ),
        ),
    ),
)  # fmt: skip
"""Behind their hints: a text that has none of them, in lower case, cannot match. Most lines of a log have none, and
looking for them takes a fiftieth of the time."""

_FOLDED = ("\u0130", "\u0131", "\u017f", "\u212a")
"""The letters outside ASCII that a pattern without regard to case takes for ASCII ones."""


def redact(text: str) -> str:
    """The text with everything that looks like a secret replaced by `[redacted]`."""
    lowered = text.lower()
    is_plain = text.isascii() or not any(letter in text for letter in _FOLDED)
    for hints, patterns in _PATTERNS:
        for hint in hints:
            if hint in lowered or not is_plain:
                for pattern in patterns:
                    text = pattern.sub(rf"\g<1>{HIDDEN}", text)
                break
    return text
