"""Where the shipped rules, runbooks and SSM documents are: package data in a wheel, folders of a source checkout."""

from __future__ import annotations

from pathlib import Path

from recoverops.model import Record


class ShippedDocument(Record, frozen=True, kw_only=True):
    """One document of AWS Systems Manager."""

    name: str
    """what it is called in an account, e.g. RecoverOps-RestartService"""
    kind: str
    """Command or Automation"""
    summary: str
    content: str
    """YAML"""


def shipped_configs() -> Path:
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "configs"


def shipped_documents() -> tuple[ShippedDocument, ...]:
    """In the order of their names."""
    packaged = Path(__file__).parent / "ssm"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[3] / "deploy" / "aws" / "ssm"
    return tuple(_document(one) for one in sorted(folder.glob("recoverops-*.yaml")))


def _document(file: Path) -> ShippedDocument:
    content = file.read_text(encoding="utf-8")
    lines = dict(
        line.split(": ", 1) for line in content.splitlines() if line.startswith(("schemaVersion: ", "description: "))
    )
    words = file.stem.removeprefix("recoverops-").split("-")
    return ShippedDocument(
        name=f"RecoverOps-{''.join(word.capitalize() for word in words)}",
        kind="Automation" if lines["schemaVersion"] == '"0.3"' else "Command",
        summary=lines["description"],
        content=content,
    )
