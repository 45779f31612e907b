"""Named defaults beneath the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from recoverops.config import Configuration
from recoverops.model import MisconfiguredError

from .settings import Decision


def _configuration(path: Path, text: str) -> Configuration:
    path.write_text(text)
    return Configuration.load(path, {})


def test_the_layer_gives_what_the_file_does_not_say_and_no_more(tmp_path: Path) -> None:
    reader = _configuration(tmp_path / "c.yaml", "decision:\n  mode: observe\n")
    filled = reader.fill({"decision": {"mode": "act", "max_share": 0.25}}, source="the layer")
    assert filled is not None
    assert (filled.taken, filled.overruled) == (("decision.max_share: 0.25",), ("decision.mode",))
    section = reader.section("decision", Decision)
    reader.finish()
    assert (section.value.mode, section.value.max_share) == ("observe", 0.25)


def test_a_wrong_value_of_the_layer_is_named_after_the_layer(tmp_path: Path) -> None:
    reader = _configuration(tmp_path / "c.yaml", "decision:\n  mode: observe\n")
    reader.fill({"decision": {"max_share": "half"}}, source="the layer")
    reader.section("decision", Decision)
    with pytest.raises(MisconfiguredError, match=r"^the layer: decision\.max_share is"):
        reader.finish()


def test_a_file_that_cannot_be_read_takes_no_layer(tmp_path: Path) -> None:
    reader = Configuration.load(tmp_path / "missing.yaml", {})
    assert reader.fill({"decision": {"mode": "ask"}}, source="the layer") is None
