"""Links lead somewhere, files that are named exist, and no text names a machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.docs.reading import DOCS, ROOT, anchors_of, code_in, documents, files, prose_of, text_of

LINK = re.compile(r"\[(?:[^\]\\]|\\.)*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|sh|toml|yaml|md|lock)")
EXAMPLES = {"/home/ann", "/mnt/q"}
"""Places in tests that no machine has to have."""
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root|work|mnt|private)/[\w.-]+")


def test_there_are_documents_to_look_at() -> None:
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} <= {one.name for one in documents()}
    assert len(list(DOCS.glob("adr/0*.md"))) >= 7


@pytest.mark.parametrize("document", documents(), ids=lambda one: str(one.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(document: Path) -> None:
    broken = []
    for link in LINK.findall(prose_of(document)):
        target, _, anchor = link.partition("#")
        if urlsplit(link).scheme:
            continue
        file = (document.parent / unquote(target)).resolve() if target else document
        is_there = file.exists() and ROOT in (file, *file.parents)
        if not is_there or (anchor and anchor not in anchors_of(file)):
            broken.append(link)
    assert not broken


def test_every_file_that_the_architecture_names_exists() -> None:
    named = {
        code
        for code in code_in(prose_of(DOCS / "architecture.md"))
        if PATH.fullmatch(code) and not code.startswith(("intake/", "/"))
    }
    missing = {name for name in named if not (ROOT / "src/recoverops" / name).exists() and not (ROOT / name).exists()}
    assert len(named) > 40
    assert not missing - {"audit.head"}


@pytest.mark.parametrize("document", sorted((DOCS / "adr").glob("*.md")), ids=lambda one: one.name)
def test_every_file_that_a_decision_record_names_exists(document: Path) -> None:
    named = {code for code in code_in(prose_of(document)) if re.fullmatch(r"[\w./-]+\.(?:py|sh)", code)}
    missing = {name for name in named if not (ROOT / "src/recoverops" / name).exists() and not (ROOT / name).exists()}
    assert not missing


@pytest.mark.parametrize("document", sorted((DOCS / "adr").glob("*.md")), ids=lambda one: one.name)
def test_every_decision_record_has_its_four_parts_on_one_page(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert text.startswith(f"# {int(document.name[:4])}. ")
    assert headings[0] == "Situation"
    assert headings[-2:] == ["Choice", "What would make us revisit"]
    assert len(text.splitlines()) <= 60


def _texts() -> dict[str, str]:
    found = {}
    for file in files():
        try:
            found[str(file.relative_to(ROOT))] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_no_text_names_a_path_of_the_machine_that_it_was_written_on() -> None:
    places = {str(ROOT), str(Path.home())} - {"/", "/root"}
    found = [
        f"{name}: {hit}"
        for name, text in _texts().items()
        for hit in (*MACHINE_PATH.findall(text), *(place for place in places if place in text))
        if hit not in EXAMPLES
    ]
    assert not found


def test_no_text_names_an_index_that_pip_is_configured_with() -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, timeout=60, check=True).stdout
    settings = "\n".join([listed, *(value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_")))])
    addresses = re.findall(r"\w+://[^\s'\",]+", settings)
    own = {part for one in addresses for part in (urlsplit(one).hostname, urlsplit(one).path.rstrip("/")) if part}
    own = {part for part in own if len(part) > 7 and part not in {"pypi.org", "/simple"}}
    assert not [f"{name}: {part}" for name, text in _texts().items() for part in own if part in text]


def test_the_lock_file_names_no_address() -> None:
    assert "://" not in text_of("requirements.lock")
    assert "--hash=sha256:" in text_of("requirements.lock")
