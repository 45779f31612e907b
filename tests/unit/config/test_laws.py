"""Whatever stands in a file or a variable: sections, or MisconfiguredError. Never another exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from recoverops.config import Configuration
from recoverops.config.reading import read_yaml
from recoverops.config.tree import plain
from recoverops.model import MisconfiguredError

from .settings import Decision, Everything

PIECES = st.sampled_from(
    [
        *["decision: ", "api: ", "services:", "data_dir: ", "  cooldown: ", "  port: ", "- name: ", "\n", "\n  ", "\t"],
        *["&a ", "*a", "!!str ", "!x ", "? ", ": ", "- ", "[", "]", "{", "}", ",", "'", '"', "\\U", "\\ud800", "<<: "],
        *[
            "5m",
            "5",
            "yes",
            "true",
            "~",
            "1e999",
            "0x",
            ".inf",
            "---",
            "...",
            "%YAML 1.3\n",
            "%TAG ",
            "#",
            ">",
            "|",
            "\\",
        ],
    ]
)
DOCUMENTS = st.one_of(
    st.lists(PIECES, max_size=25).map("".join),
    st.text(max_size=80),
    st.text(alphabet=":-?&*!|>'\"%@`[]{}#,\n a0\\\t", max_size=60),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["decision", "api", "services", "data_dir", "cooldown", "port", "name", "checks", "kind", "address"]
)


def ends_well(act: Callable[[], Everything]) -> None:
    problems: tuple[str, ...] | None = None
    try:
        act()
    except MisconfiguredError as error:
        problems = error.problems
    assert problems is None or problems
    assert all("\n" not in sentence and len(sentence) < 600 for sentence in problems or ())


def load(content: bytes) -> Everything:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "recoverops.yaml"
        file.write_bytes(content)
        return Everything(Configuration.load(file, {}))


@given(text=DOCUMENTS)
@example(text='api: "\\UFFFFFFFF"')
@example(text="%YAML 1.3\n---\na: 1")
@example(text="api: {port: " + "9" * 5000 + "}")
@settings(max_examples=100, deadline=None)
def test_any_text_leads_to_sections_or_to_sentences(text: str) -> None:
    ends_well(lambda: load(text.encode("utf-8", "surrogatepass")))


@given(content=st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_lead_to_sections_or_to_sentences(content: bytes) -> None:
    ends_well(lambda: load(content))


@given(value=st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3) | st.lists(VALUES, max_size=2) | VALUES))
@settings(max_examples=80, deadline=None)
def test_any_values_under_known_keys_lead_to_sections_or_to_sentences(value: dict[str, object]) -> None:
    ends_well(lambda: load(repr(value).encode("utf-8", "surrogatepass")))


@given(
    environment=st.dictionaries(
        st.sampled_from(["API", "API__PORT", "DECISION__COOLDOWN", "SERVICES__0__NAME", "_", "A__", "DATA_DIR"]).map(
            "RECOVEROPS_{}".format
        )
        | st.sampled_from(["MAX_ACTIONS_PER_HOUR", "COOLDOWN_MINUTES", "REQUIRE_APPROVAL"]),
        DOCUMENTS,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_environment_leads_to_sections_or_to_sentences(environment: dict[str, str]) -> None:
    ends_well(lambda: Everything(Configuration.load(None, environment)))


@given(rate=st.integers(0, 1000), minutes=st.integers(0, 1440), approval=st.booleans())
@settings(max_examples=80, deadline=None)
def test_no_switch_ever_loosens(rate: int, minutes: int, approval: bool) -> None:
    given_inside = Decision()
    environment = {
        "MAX_ACTIONS_PER_HOUR": str(rate),
        "COOLDOWN_MINUTES": str(minutes),
        "REQUIRE_APPROVAL": str(approval).lower(),
    }
    decision = Everything(Configuration.load(None, environment)).decision.value
    assert decision.max_actions_per_hour == min(rate, given_inside.max_actions_per_hour)
    assert decision.cooldown.total_seconds() == max(60 * minutes, given_inside.cooldown.total_seconds())
    assert decision.require_approval is approval


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=80, deadline=None)
def test_a_quoted_text_is_read_as_it_was_written(text: str) -> None:
    node = read_yaml(json.dumps({"a": text}), source="x")
    assert node is not None
    assert plain(node) == {"a": text}
