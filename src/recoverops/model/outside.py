"""What is said of text that others wrote: without secrets, without anything that steers a terminal, and not too long.

For the words that people read: statements, titles, notifications, the output of commands. What identifies a thing is
not redacted, because two things must not become one.
"""

from __future__ import annotations

from recoverops.redact import redact

LONGEST_SAID = 300
"""Characters; AWS takes names of alarms up to 255."""


def printable(text: str) -> str:
    """The text on one line: what is not printable, as control characters, line ends and marks that turn the direction
    of writing, is shown as an escape such as `\\u001b`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def bounded(text: str, *, longest: int = LONGEST_SAID) -> str:
    """Printable, and at most so many characters long."""
    shown = printable(text[:longest])
    return shown if len(text) <= longest and len(shown) <= longest else f"{shown[: longest - 1]}…"


def said(text: str, *, longest: int = LONGEST_SAID) -> str:
    """`bounded`, with secrets hidden. They are looked for before anything is escaped or cut, so that neither covers
    one, and once more after a cut, which may have made something look like one."""
    clean = redact(text)
    shown = bounded(clean, longest=longest)
    return shown if shown == clean else redact(shown)


_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
