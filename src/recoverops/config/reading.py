"""YAML text -> tree, with bounds on depth and on what aliases multiply to.

Reads ruamel.yaml's events and not its nodes: they come one by one, so a document that nests or repeats itself without
end is left at the bound, and no recursion follows the depth of the text. Tags are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from recoverops.config.place import MOST_PROBLEMS, KeyPath, Place, is_secret, problem, short, written
from recoverops.config.tree import Items, Keys, Node, Scalar, unquoted
from recoverops.model import MisconfiguredError
from recoverops.redact import HIDDEN, redact

MAX_DEPTH = 40
MAX_VALUES = 50_000
_LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_KEY_OF_LINE = re.compile(r"[\s\-?\"'{]*([\w.-]+)[\"']?\s*:")


def read_yaml(text: str, *, source: str, is_variable: bool = False) -> Node | None:
    """The one document of the text; None when there is only white space and comments.

    Raises `MisconfiguredError` with one sentence for what stopped the reading, or one for each key that stands twice.
    """
    builder = _Builder(source=source, is_variable=is_variable)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        raise MisconfiguredError(_syntax_problem(error, text="" if is_variable else text, source=source)) from None
    except ReaderError as error:
        line = len(_LINE_BREAK.split(text[: error.position]))
        what = f"has the character U+{_code(error.character):04X}, which YAML does not allow"
        raise MisconfiguredError(problem(Place(source=source, line=line), what, "remove it")) from None
    except (YAMLError, ValueError, OverflowError, AssertionError, IndexError) as error:
        # ruamel.yaml lets these out for directives and escapes that no document has by intention, e.g. "\UFFFFFFFF"
        what = f"is not readable as YAML ({redact(str(error))[:80]})"
        way_out = "look for a % at the start of a line and for a \\ inside double quotes"
        raise MisconfiguredError(problem(Place(source=source), what, way_out)) from None
    if builder.problems:
        raise MisconfiguredError(*builder.problems)
    return builder.root


@dataclass(slots=True, kw_only=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    place: Place
    anchor: str | None
    is_mapping: bool
    size: int = 1
    depth: int = 1
    key: tuple[str, Place] | None = None
    entries: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int | None] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)

    @property
    def path_key(self) -> str | int:
        return self.key[0] if self.key is not None else len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A finished value, with the values in it (itself included) and the levels below it."""

    node: Node
    size: int
    depth: int


@dataclass(slots=True, kw_only=True)
class _Builder:
    source: str
    is_variable: bool
    root: Node | None = None
    problems: list[str] = field(default_factory=list)
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Measured] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        place = self._place(event)
        if isinstance(event, DocumentStartEvent) and self.root is not None:
            raise self._refusal(place, "a second document starts here", "delete the line ---, or make it a second file")
        if (tag := getattr(event, "tag", None)) is not None:
            raise self._refusal(place, f"the tag {short(str(tag))} is not read", "write the plain value without it")
        if isinstance(event, SequenceStartEvent | MappingStartEvent):
            self._begin(place, anchor=event.anchor, is_mapping=isinstance(event, MappingStartEvent))
        elif isinstance(event, SequenceEndEvent | MappingEndEvent):
            self._end()
        elif isinstance(event, ScalarEvent):
            self._scalar(event, place)
        elif isinstance(event, AliasEvent):
            self._alias(event, place)

    def _begin(self, place: Place, *, anchor: str | None, is_mapping: bool) -> None:
        if self._awaits_key():
            raise self._refusal(place, "a key is a list or a mapping", "write the key as plain text")
        if len(self.open) >= MAX_DEPTH:
            raise self._refusal(place, f"is nested more than {MAX_DEPTH} levels deep", "nest less deeply")
        self.open.append(_Open(place=place, anchor=anchor, is_mapping=is_mapping))

    def _end(self) -> None:
        done = self.open.pop()
        node: Node
        if done.is_mapping:
            node = Keys(place=done.place, entries=done.entries)
        else:
            node = Items(place=done.place, items=tuple(done.items))
        self._add(_Measured(node=node, size=done.size, depth=done.depth), place=done.place, anchor=done.anchor)

    def _scalar(self, event: ScalarEvent, place: Place) -> None:
        try:
            # JSON writes a character beyond U+FFFF as two escapes, which ruamel.yaml leaves as two halves
            text = str(event.value).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            what = "has half a character (a \\ud800 escape)"
            raise self._refusal(place, what, "write the character itself") from None
        if self._awaits_key():
            self._key(text, place)
            return
        node = Scalar(place=place, text=text, value=text) if event.style else unquoted(text, place)
        self._add(_Measured(node=node, size=1, depth=0), place=place, anchor=event.anchor)

    def _key(self, text: str, place: Place) -> None:
        mapping = self.open[-1]
        if text in mapping.entries:
            where = written(self._path()[:-1])
            inside = f"in {where}" if where else "at the top level"
            first = mapping.lines[text]
            what = f'key "{short(text)}" stands twice {inside}' + (f", first in line {first}" if first else "")
            self.problems.append(problem(place, what, "delete one of the two"))
            if len(self.problems) == MOST_PROBLEMS:
                raise MisconfiguredError(*self.problems)
        mapping.key = (text, place)
        mapping.lines.setdefault(text, place.line)

    def _alias(self, event: AliasEvent, place: Place) -> None:
        measured = self.anchors.get(event.anchor)
        if measured is None:
            what = f"*{short(event.anchor)} repeats a value that has not ended above it"
            raise self._refusal(place, what, f"put &{short(event.anchor)} before an earlier value, or quote the *")
        if self._awaits_key():
            raise self._refusal(place, f"a key is the alias *{short(event.anchor)}", "write the key as plain text")
        self._add(measured, place=place, anchor=None)

    def _add(self, measured: _Measured, *, place: Place, anchor: str | None) -> None:
        """Put a finished value into the list or mapping that it stands in."""
        if anchor is not None:
            self.anchors[anchor] = measured
        if not self.open:
            self.root = measured.node
            return
        parent = self.open[-1]
        parent.size += measured.size
        parent.depth = max(parent.depth, measured.depth + 1)
        if parent.size > MAX_VALUES:
            what = f"holds more than {MAX_VALUES} values once aliases (*name) are followed"
            raise self._refusal(place, what, "write fewer, or split the file")
        if len(self.open) + measured.depth > MAX_DEPTH:
            raise self._refusal(place, f"is nested more than {MAX_DEPTH} levels deep", "nest less deeply")
        if parent.key is None:
            parent.items.append(replace(measured.node, place=place))
            return
        key, key_place = parent.key
        parent.entries[key] = replace(measured.node, place=key_place)
        parent.key = None

    def _awaits_key(self) -> bool:
        return bool(self.open) and self.open[-1].is_mapping and self.open[-1].key is None

    def _path(self) -> KeyPath:
        return tuple(container.path_key for container in self.open)

    def _place(self, event: Event) -> Place:
        if self.is_variable:
            return Place(source=self.source, is_variable=True)
        return Place(source=self.source, line=event.start_mark.line + 1)

    def _refusal(self, place: Place, what: str, way_out: str) -> MisconfiguredError:
        return MisconfiguredError(*self.problems, problem(place, what, way_out))


def _code(character: str | int) -> int:
    return character if isinstance(character, int) else ord(character)


def _syntax_problem(error: MarkedYAMLError, *, text: str, source: str) -> str:
    """What ruamel.yaml says, at the line that a person has to change. Without `text` (a variable) nothing is quoted."""
    mark = error.problem_mark or error.context_mark
    what = redact(str(error.problem or error.context or "this is not readable as YAML"))
    if mark is None or not text:
        return problem(Place(source=source), what, "check quotes, brackets and indentation")
    lines = _LINE_BREAK.split(text)
    if "stream end" in what or "end of stream" in what:
        return _unclosed(error, lines=lines, source=source)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        what, way_out = "the indentation has a tab", "use spaces"
    elif "mapping values are not allowed" in what:
        what, way_out = 'a second ": " on one line', "put quotes around the value, or fix the indentation"
    else:
        way_out = "check the quotes and the indentation of this line and of the one before it"
    place = Place(source=f"{source}:{mark.line + 1}:{mark.column + 1}")
    return problem(place, f'{what}, in "{_shown_line(line)}"', way_out)


def _unclosed(error: MarkedYAMLError, *, lines: list[str], source: str) -> str:
    """For a text that ends too early: the line where the quote or bracket was opened, or else the last with a text."""
    at = min(error.context_mark.line if error.context_mark is not None else len(lines), len(lines) - 1)
    while at > 0 and not lines[at].strip():
        at -= 1
    place = Place(source=source, line=at + 1)
    return problem(place, f'a quote or bracket is opened and never closed, in "{_shown_line(lines[at])}"', "close it")


def _shown_line(line: str) -> str:
    """The line as a message may show it: without its value when the key looks secret."""
    key = _KEY_OF_LINE.match(line[:200])
    if key is not None and is_secret((key[1],)):
        return f"{key[1]}: {HIDDEN}"
    return short(redact(line[:200]))
