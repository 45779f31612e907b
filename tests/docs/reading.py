"""The Markdown of this repository, taken apart for the tests of the documentation. No Markdown library: what we write
is simple, and a construct that is not understood here fails a test instead of passing unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_OUTSIDE = {".git", ".venv", "build", "dist", "node_modules", "recoverops-data"}
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_MARK = re.compile(r"^\s*<!--\s*(?P<mark>.*?)\s*-->\s*$")
_HEADING = re.compile(r"^(#{1,6})\s+(?P<title>.+?)\s*$")
_CODE = re.compile(r"(`+)(.+?)\1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One fenced block."""

    document: Path
    line: int
    language: str
    mark: str
    """What stands in the comment on the line before it; empty without one."""
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


@cache
def files() -> tuple[Path, ...]:
    """Every file of the repository: nothing below a dot directory but `.ci`, nothing built or installed."""
    return tuple(sorted(_walk(ROOT)))


def _walk(directory: Path) -> Iterator[Path]:
    for entry in directory.iterdir():
        hidden = entry.is_dir() and entry.name.startswith(".") and entry.name != ".ci"
        if hidden or entry.name in _OUTSIDE or entry.name == "__pycache__" or entry.name.endswith(".egg-info"):
            continue
        if entry.is_dir():
            yield from _walk(entry)
        else:
            yield entry


def documents() -> tuple[Path, ...]:
    return tuple(file for file in files() if file.suffix == ".md")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def snippets() -> tuple[Snippet, ...]:
    """Every fenced block of every document."""
    return tuple(snippet for document in documents() for snippet in _snippets_of(document))


def _snippets_of(document: Path) -> Iterator[Snippet]:
    inside: re.Match[str] | None = None
    begun, mark, block = 0, "", list[str]()
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if inside is None:
            if fence:
                inside, begun, block = fence, number, []
                continue
            found = _MARK.match(line)
            mark = found["mark"] if found else ("" if line.strip() else mark)
        elif fence and not fence["language"]:
            yield Snippet(
                document=document, line=begun, language=inside["language"], mark=mark, text="\n".join(block) + "\n"
            )
            inside, mark = None, ""
        else:
            block.append(line.removeprefix(inside["indent"]))
    assert inside is None, f"{document}:{begun}: this fence is never closed"


def marked(mark: str) -> Snippet:
    """The one block of the README with this mark."""
    (found,) = (one for one in snippets() if one.document == ROOT / "README.md" and one.mark == mark)
    return found


def prose_of(document: Path) -> str:
    """Without fenced blocks and comments."""
    kept, inside = [], False
    for line in document.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside and not _MARK.match(line):
            kept.append(line)
    return "\n".join(kept)


def anchors_of(document: Path) -> set[str]:
    """The names that a link to a heading of this document may use, as GitHub makes them."""
    found: set[str] = set()
    for line in prose_of(document).splitlines():
        heading = _HEADING.match(line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", heading["title"].replace("`", "").lower())
            found.add(words.replace(" ", "-"))
    return found


def section_of(document: Path, title: str) -> str:
    """What stands below this heading, down to the next one of its level or above."""
    lines = document.read_text(encoding="utf-8").splitlines()
    at, level = next(
        (number, len(found[1]))
        for number, line in enumerate(lines)
        if (found := _HEADING.match(line)) and found["title"] == title
    )
    rest = lines[at + 1 :]
    end = next((n for n, line in enumerate(rest) if (h := _HEADING.match(line)) and len(h[1]) <= level), len(rest))
    return "\n".join(rest[:end])


def rows(text: str) -> tuple[tuple[str, ...], ...]:
    """The cells of every table row of the text, headers left out."""
    found: list[tuple[str, ...]] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            continue
        cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))
        if all(set(cell) <= set("-: ") and cell for cell in cells):
            found.pop()  # the line above the dashes was the header
        else:
            found.append(cells)
    return tuple(found)


def code_in(text: str) -> set[str]:
    """Everything between backticks."""
    return {found[2] for found in _CODE.finditer(text)}
