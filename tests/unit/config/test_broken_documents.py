"""What a person reads when the file is wrong: the exact sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from recoverops.config import Configuration
from recoverops.model import MisconfiguredError

from .settings import Everything

BROKEN: dict[str, tuple[str, str]] = {
    "a word for a number": (
        "decision:\n  mode: ask\n  max_actions_per_hour: ten\n",
        'recoverops.yaml:3: decision.max_actions_per_hour is "ten", expected a whole number of 0 or more; '
        "write e.g. max_actions_per_hour: 10",
    ),
    "a quoted number": (
        'decision:\n  max_actions_per_hour: "10"\n',
        'recoverops.yaml:2: decision.max_actions_per_hour is "10", expected a whole number of 0 or more; '
        "write e.g. max_actions_per_hour: 10",
    ),
    "a fraction for a whole number": (
        "api: {port: 80.5}\n",
        "recoverops.yaml:1: api.port is 80.5, expected a whole number from 1 to 65535; write e.g. port: 8080",
    ),
    "a number out of range": (
        "decision:\n  max_actions_per_hour: -1\n",
        "recoverops.yaml:2: decision.max_actions_per_hour is -1, expected a whole number of 0 or more; "
        "write e.g. max_actions_per_hour: 10",
    ),
    "a share of nothing": (
        "decision: {max_share: 0}",
        "recoverops.yaml:1: decision.max_share is 0, expected a number above 0 and up to 1; write e.g. max_share: 0.5",
    ),
    "not a number": (
        "decision: {max_share: .nan}",
        'recoverops.yaml:1: decision.max_share is ".nan", expected a number above 0 and up to 1; '
        "write e.g. max_share: 0.5",
    ),
    "yes for true": (
        "decision:\n  require_approval: yes\n",
        'recoverops.yaml:2: decision.require_approval is "yes", expected true or false; '
        "write e.g. require_approval: true",
    ),
    "a word that is no choice": (
        "decision: {mode: observ}",
        'recoverops.yaml:1: decision.mode is "observ", expected one of observe, ask, act; write e.g. mode: observe',
    ),
    "a duration without a unit": (
        "decision:\n  cooldown: 5\n",
        "recoverops.yaml:2: decision.cooldown is 5: say the unit, e.g. 5s",
    ),
    "a duration with an unknown unit": (
        "decision:\n  cooldown: 5 fortnights\n",
        'recoverops.yaml:2: decision.cooldown is "5 fortnights": the unit fortnights is not known; '
        "use one of ms, s, m, h, d, e.g. 5m",
    ),
    "a duration out of range": (
        "decision: {cooldown: 2d}",
        'recoverops.yaml:1: decision.cooldown is "2d", expected a duration from 1s to 1d; write e.g. cooldown: 5m',
    ),
    "a number for a text": (
        "services:\n- name: shop\n- name: checkout\n  version: 1.10\n",
        'recoverops.yaml:4: services[1].version is 1.10, expected a text; write e.g. version: "1.10"',
    ),
    "one value for a list": (
        "decision: {protected: nginx}",
        'recoverops.yaml:1: decision.protected is "nginx", expected a list; write e.g. protected: [nginx]',
    ),
    "a wrong entry of a list": (
        "decision:\n  protected:\n  - nginx\n  - 5\n",
        'recoverops.yaml:4: decision.protected[1] is 5, expected a text; write e.g. - "5"',
    ),
    "a mapping for a list": (
        "services:\n  checkout: {}\n",
        'recoverops.yaml:1: services is a mapping, expected a list; begin each entry with "- " on a line of its own',
    ),
    "a value for a section": (
        "api: 8080",
        "recoverops.yaml:1: api is 8080, expected a mapping of keys to values; known keys: host, port, api_token",
    ),
    "a wrong value in a mapping": (
        "services:\n- name: a\n  address:\n    supervisor: 5\n",
        'recoverops.yaml:4: services[0].address.supervisor is 5, expected a text; write e.g. supervisor: "5"',
    ),
    "a missing key": (
        "services:\n- version: a\n",
        "recoverops.yaml:2: services[0].name is missing, expected a text; add e.g. name: checkout",
    ),
    "a key with a slip": (
        "decision:\n  mode: ask\n\n  cooldwon: 5m\n",
        'recoverops.yaml:4: unknown key "cooldwon" in decision; did you mean "cooldown"? Known keys: '
        "max_actions_per_hour, cooldown, require_approval, mode, max_share, protected",
    ),
    "a key like no other": (
        "api:\n  zzz: 5m\n",
        'recoverops.yaml:2: unknown key "zzz" in api; known keys: host, port, api_token',
    ),
    "a section with a slip": (
        "decison:\n  cooldown: 5m\n",
        'recoverops.yaml:1: unknown key "decison" at the top level; did you mean "decision"? '
        "Known keys: decision, api, services, data_dir",
    ),
    "a kind that does not exist": (
        "services:\n- name: a\n  checks:\n  - kind: htp\n    url: x\n",
        'recoverops.yaml:4: services[0].checks[0].kind is "htp", expected http or command; write e.g. kind: http',
    ),
    "a kind that is missing": (
        "services:\n- name: a\n  checks:\n  - url: x\n",
        "recoverops.yaml:4: services[0].checks[0].kind is missing, expected http or command; write e.g. kind: http",
    ),
    "a text that does not match": (
        "services:\n- name: a\n  checks:\n  - kind: http\n    url: ftp://x\n",
        'recoverops.yaml:5: services[0].checks[0].url is "ftp://x", expected a text matching ^https?://.+; correct it',
    ),
    "what a room itself refuses": (
        "data_dir: x\napi: {host: 0.0.0.0, api_token: ''}\n",
        "recoverops.yaml:2: api: host 0.0.0.0 is open to others, so api_token may not be empty",
    ),
    "a secret of the wrong type": (
        "api:\n  api_token: 1234567890\n",
        "recoverops.yaml:2: api.api_token is [redacted], expected a text; "
        'write e.g. api_token: "env:RECOVEROPS_API_TOKEN"',
    ),
    "a key that stands twice": (
        "api:\n  port: 8080\n  host: a\n  port: 9090\n",
        'recoverops.yaml:4: key "port" stands twice in api, first in line 2; delete one of the two',
    ),
    "a tab": (
        "decision:\n\tcooldown: 5m\n",
        'recoverops.yaml:2:1: the indentation has a tab, in "cooldown: 5m"; use spaces',
    ),
    "two colons": (
        "data_dir: x\napi: host: a\n",
        'recoverops.yaml:2:10: a second ": " on one line, in "api: host: a"; '
        "put quotes around the value, or fix the indentation",
    ),
    "an open quote after a secret": (
        'api:\n  api_token: "hunter2 and more\n',
        'recoverops.yaml:2: a quote or bracket is opened and never closed, in "api_token: [redacted]"; close it',
    ),
    "an alias of itself": (
        "api: &x [*x]",
        "recoverops.yaml:1: *x repeats a value that has not ended above it; "
        "put &x before an earlier value, or quote the *",
    ),
    "a tag": (
        "api: !!python/object:os.system 5",
        "recoverops.yaml:1: the tag tag:yaml.org,2002:python/object:os.system is not read; "
        "write the plain value without it",
    ),
    "two documents": (
        "data_dir: x\n---\ndata_dir: y\n",
        "recoverops.yaml:2: a second document starts here; delete the line ---, or make it a second file",
    ),
    "a list as a key": (
        "? [a]\n: b\n",
        "recoverops.yaml:1: a key is a list or a mapping; write the key as plain text",
    ),
    "a control character": (
        "data_dir: x\napi: \x07\n",
        "recoverops.yaml:2: has the character U+0007, which YAML does not allow; remove it",
    ),
    "half a character": (
        'data_dir: "\\ud800"\n',
        "recoverops.yaml:1: has half a character (a \\ud800 escape); write the character itself",
    ),
    "nesting without end": (
        "[" * 2000,
        "recoverops.yaml:1: is nested more than 40 levels deep; nest less deeply",
    ),
    "a list at the top": (
        "- api\n",
        "recoverops.yaml:1: the file holds a list, expected sections; "
        "write e.g. a line decision: and its keys indented beneath it",
    ),
    "a sentence": (
        "act on everything\n",
        "recoverops.yaml:1: the file holds a single value, expected sections; "
        "write e.g. a line decision: and its keys indented beneath it",
    ),
    "nothing": (
        "",
        "recoverops.yaml: the file is empty; write at least one key into it, or delete the file",
    ),
    "nothing but comments": (
        "# later\n\n",
        "recoverops.yaml: the file is empty; write at least one key into it, or delete the file",
    ),
}


def problems_of(text: str | bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.chdir(folder)
    file = Path("recoverops.yaml")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(MisconfiguredError) as refused:
        Everything(Configuration.load(file, {}))
    return refused.value.problems


@pytest.mark.parametrize("what", BROKEN)
def test_each_broken_document_gets_one_sentence_with_place_value_and_way_out(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, sentence = BROKEN[what]
    assert problems_of(text, tmp_path, monkeypatch) == (sentence,)


def test_all_problems_of_all_sections_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "decision:\n  cooldown: 5\n  mode: 7\napi:\n  port: x\nservices:\n- nme: a\nzzz: 1\n"
    assert problems_of(text, tmp_path, monkeypatch) == (
        "recoverops.yaml:2: decision.cooldown is 5: say the unit, e.g. 5s",
        "recoverops.yaml:3: decision.mode is 7, expected one of observe, ask, act; write e.g. mode: observe",
        'recoverops.yaml:5: api.port is "x", expected a whole number from 1 to 65535; write e.g. port: 8080',
        "recoverops.yaml:7: services[0].name is missing, expected a text; add e.g. name: checkout",
        'recoverops.yaml:7: unknown key "nme" in services[0]; did you mean "name"? '
        "Known keys: name, version, address, checks",
        'recoverops.yaml:8: unknown key "zzz" at the top level; known keys: decision, api, services, data_dir',
    )


def test_aliases_that_multiply_are_stopped_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 30)]
    assert problems_of("\n".join(levels), tmp_path, monkeypatch) == (
        "recoverops.yaml:5: holds more than 50000 values once aliases (*name) are followed; "
        "write fewer, or split the file",
    )


def test_bytes_that_are_not_utf8_are_shown_with_their_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems_of(b"data_dir: x\napi: \xe4\n", tmp_path, monkeypatch) == (
        "recoverops.yaml:2: byte 0xe4 is not UTF-8; save the file as UTF-8",
    )


def test_a_file_over_one_mebibyte_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems_of(b"#" * (1024 * 1024 + 1), tmp_path, monkeypatch) == (
        "recoverops.yaml: the file is larger than 1 MiB; split it or take out what is not YAML",
    )


def test_directives_that_make_the_yaml_library_stumble_are_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("%YAML 1.3\n---\na: 1", 'a: "\\UFFFFFFFF"'):
        (sentence,) = problems_of(text, tmp_path, monkeypatch)
        assert sentence.startswith("recoverops.yaml: is not readable as YAML (")


def test_thousands_of_wrong_entries_are_told_as_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(problems_of("services:\n" + "- 5\n" * 5000, tmp_path, monkeypatch)) == 50
