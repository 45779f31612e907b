"""The configuration file and the environment, handed out section by section.

`app` asks for every section with the class that its room wrote, then calls `finish`, which raises everything that is
wrong at once. The order of strength: class default, `fill`ed layer, file, `RECOVEROPS_*` variable; then the three
switches, which only tighten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from recoverops.config import switches
from recoverops.config.checking import check
from recoverops.config.document import read_document
from recoverops.config.environment import CONFIG, Variable, path_in, setting_variables
from recoverops.config.layer import Filled, Given, fill
from recoverops.config.place import MOST_PROBLEMS, KeyPath, Place, path_of, problem
from recoverops.config.sentences import is_set_by, unknown_key, unknown_variable
from recoverops.config.shape import variables_of
from recoverops.config.tree import Items, Keys, Node, Scalar, find, nearest, put, texts
from recoverops.model import MisconfiguredError

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Section(Generic[T]):
    """A section that was asked for. Read `value` after `Configuration.finish`."""

    _values: tuple[T, ...]
    """The one value, or none when there are problems."""
    problems: tuple[str, ...] = ()

    @property
    def value(self) -> T:
        """Raises `MisconfiguredError` with the section's own problems."""
        if not self._values:
            raise MisconfiguredError(*self.problems)
        return self._values[0]


class Configuration:
    def __init__(
        self,
        root: Node | None,
        *,
        path: Path | None,
        environment: Mapping[str, str],
        variables: tuple[Variable, ...] = (),
        problems: tuple[str, ...] = (),
    ) -> None:
        """Use `load`. `root` is None when the file could not be read; then `problems` says why."""
        self._root = root
        self._environment = environment
        self._problems = list(problems)
        self._warnings: list[str] = []
        self._claimed: dict[KeyPath, object] = {}
        self._variables = variables
        self.path = path
        """The file that was read; None when everything is a default or a variable."""

    @classmethod
    def load(cls, path: Path | None, environment: Mapping[str, str]) -> Configuration:
        """Read the file, or the one that RECOVEROPS_CONFIG names, or none. Never raises: see `finish`."""
        named = environment.get(CONFIG, "").strip()
        file = path or (Path(named) if named else None)
        root: Node = Keys(place=Place(source="the configuration"), entries={})
        found: tuple[Variable, ...] = ()
        problems: list[str] = []
        try:
            root = _mapping(read_document(file)) if file else root
        except MisconfiguredError as error:
            problems.extend(error.problems)
        try:
            found = setting_variables(environment, root)
            root = _overlaid(root, found) if not problems else root
        except MisconfiguredError as error:
            problems.extend(error.problems)
        if problems:
            return cls(None, path=file, environment=environment, problems=tuple(problems))
        return cls(root, path=file, environment=environment, variables=found)

    def fill(self, layer: Given, *, source: str) -> Filled | None:
        """Put named defaults beneath the file and the variables, before any section is asked for.

        `source` stands where a problem would name the file. None when the file could not be read.
        """
        if self._root is None:
            return None
        filled = fill(self._root, layer, source=source)
        self._root = filled.node
        return filled

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each variable that was ignored because it would have loosened a limit."""
        return tuple(self._warnings)

    def section(self, name: str, cls: type[M]) -> Section[M]:
        """The section as a `cls`; its defaults when it is absent. A part of one is named like `plugins[0].settings`."""
        section = self._checked(path_of(name), cls, absent={})
        if name != switches.SECTION or self._root is None:
            return section
        return self._tightened(section, cls)

    def listed(self, name: str, cls: type[M]) -> Section[tuple[M, ...]]:
        """The section as a list of `cls`; empty when it is absent."""
        return self._checked(path_of(name), tuple[cls, ...], absent=())  # type: ignore[valid-type]

    def setting(self, name: str, kind: type[T], *, default: T) -> Section[T]:
        """One value, such as the top-level `data_dir`."""
        path = path_of(name)
        if self._root is not None and _is_absent(find(self._root, path)):
            self._claimed[path] = kind
            return Section((default,))
        return self._checked(path, kind, absent=None)

    def place(self, name: str) -> Place:
        """Where `services[0].name` stands or would stand, for later checks that need more than one section."""
        return nearest(self._root, path_of(name)).place if self._root else Place(source=str(self.path))

    def references(self, scheme: str) -> tuple[str, ...]:
        """Every value of the file and the variables that reads as a reference to a secret under this scheme."""
        found = texts(self._root) if self._root else ()
        return tuple(sorted({one for one in found if re.fullmatch(rf"{re.escape(scheme)}:[^\s:][^\s]*", one)}))

    def finish(self) -> None:
        """Raises one `MisconfiguredError` with every problem, keys and variables that nobody asked for included."""
        if self._root is not None:
            self._problems.extend(self._unclaimed(self._root, ())[:MOST_PROBLEMS])
            self._problems.extend(self._unknown_variables(self._root))
        if self._problems:
            raise MisconfiguredError(*dict.fromkeys(self._problems))

    def _checked(
        self, path: KeyPath, kind: type[T], *, absent: Mapping[str, Node] | tuple[Node, ...] | None
    ) -> Section[T]:
        self._claimed[path] = kind
        if self._root is None:
            return Section((), tuple(self._problems))
        node = find(self._root, path)
        if absent is not None and _is_absent(node):
            place = node.place if node else nearest(self._root, path).place
            node = Items(place=place, items=absent) if isinstance(absent, tuple) else Keys(place=place, entries=absent)
        try:
            return Section((check(kind, node or self._root, base=path),))
        except MisconfiguredError as error:
            self._problems.extend(error.problems)
            return Section((), error.problems)

    def _tightened(self, section: Section[M], cls: type[M]) -> Section[M]:
        tightening = switches.tighten(None if section.problems else section.value, self._environment)
        self._problems.extend(tightening.problems)
        self._warnings.extend(tightening.warnings)
        if not tightening.overrides or self._root is None:
            return Section(section._values, (*section.problems, *tightening.problems))
        for key, node in tightening.overrides.items():
            self._root = put(self._root, (switches.SECTION, key), node)
        return self._checked((switches.SECTION,), cls, absent={})

    def _unclaimed(self, node: Node, path: KeyPath) -> list[str]:
        """Sentences for the keys below `path` that no section asked for."""
        if not isinstance(node, Keys):
            return []
        found: list[str] = []
        known = tuple(dict.fromkeys(str(claim[len(path)]) for claim in self._claimed if claim[: len(path)] == path))
        for key, below in node.entries.items():
            if len(found) >= MOST_PROBLEMS:
                break
            here = (*path, key)
            if here in self._claimed or is_set_by(below.place, here):
                continue
            found.extend(self._unclaimed(below, here) if key in known else [unknown_key(here, below, known)])
        return found

    def _unknown_variables(self, root: Node) -> list[str]:
        """Sentences for the variables that lead into no section; within a section its class has judged already."""
        known = tuple(name for path, kind in self._claimed.items() for name in variables_of(kind, path))
        found: list[str] = []
        for variable in self._variables:
            path = path_in(root, variable.parts)
            if not any(path[: len(claim)] == claim[: len(path)] for claim in self._claimed):
                found.append(unknown_variable(variable.node.place, known))
        return found


def _is_absent(node: Node | None) -> bool:
    return node is None or (isinstance(node, Scalar) and node.value is None)


def _mapping(root: Node) -> Keys:
    if isinstance(root, Keys):
        return root
    what = f"the file holds {'a list' if isinstance(root, Items) else 'a single value'}, expected sections"
    raise MisconfiguredError(problem(root.place, what, "write e.g. a line decision: and its keys indented beneath it"))


def _overlaid(root: Node, found: tuple[Variable, ...]) -> Node:
    """The tree with the variables in it. Raises `MisconfiguredError` for those that fit nowhere."""
    problems: list[str] = []
    for variable in found:
        try:
            root = put(root, path_in(root, variable.parts), variable.node)
        except KeyError as error:
            what = f"there is no list entry {error.args[0]}, and a variable cannot add one"
            problems.append(f"{variable.name}: {what}; add it to the file, or count from 0")
    if problems:
        raise MisconfiguredError(*problems)
    return root
