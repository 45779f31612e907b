"""Writes configs/schema/*.json from the settings classes: `python scripts/schema_files.py`.

Editors read them through the first line of the example files; `tests/docs` fails when one says something else.
"""

from __future__ import annotations

import json
from pathlib import Path

from recoverops.app.schemas import FileKind, schema_of

DIRECTORY = Path(__file__).parent.parent / "configs" / "schema"


def generated() -> dict[str, str]:
    """File name -> what it has to hold."""
    return {f"{kind}.json": json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n" for kind in FileKind}


def main() -> int:
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in generated().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
