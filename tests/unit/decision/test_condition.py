"""Conditions in CEL: what they answer, what they refuse, and that a missing metric never makes one true."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recoverops.decision import ConditionFacts, RuleCondition
from recoverops.decision.condition import Truth
from recoverops.model import MisconfiguredError

PRESENT = {"cpu": 0.9, "errors": 3.0}


def known(**changes: Any) -> ConditionFacts:
    fields: dict[str, Any] = {
        "kind": "service_down",
        "severity": "critical",
        "confidence": 0.75,
        "resource": {"kind": "service", "name": "checkout", "group": "shop"},
        "symptom": "availability",
        "age_seconds": 12.0,
        "metrics": PRESENT,
    }
    return ConditionFacts(**fields | changes)


def truth(source: str, **changes: Any) -> Truth:
    return RuleCondition.compile(source).evaluate(known(**changes)).truth


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            'kind == "service_donw"',
            'with "service_donw", which it never is (did you mean "service_down"?)',
        ),
        ('kind != "service_donw"', "service_donw"),
        ('"service_donw" == kind', "service_donw"),
        ('kind in ["service_down", "service_hun"]', '(did you mean "service_hung"?)'),
        ('severity == "CRITICAL"', '(did you mean "critical"?)'),
        ('severity == "sev1" || true', "(known are: critical, high, medium, low, normal)"),
        ('[1.0].exists(limit, severity == "CRITICAL")', "CRITICAL"),
        ('resource.kind == "Service"', '(did you mean "service"?)'),
        ('resource.nam == "checkout"', 'asks for resource.nam, which does not exist (did you mean "name"?)'),
        ('resource["grp"] == "shop"', "resource.grp"),
        ("has(resource.foo)", "(known are: kind, name, group)"),
        ('kind == "x" && resource.nam == "y"', "; it compares kind"),
    ],
)
def test_what_can_never_be_so_is_refused_when_the_rule_is_loaded(source: str, told: str) -> None:
    with pytest.raises(MisconfiguredError) as refused:
        RuleCondition.compile(source)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        '["a"].exists(kind, kind == "a")',
        'kind.startsWith("service")',
        'symptom == "alert:Anything"',
        "resource.name == kind",
        'resource[symptom] == "x"',
        '{"kind": "a"}.kind == "a"',
        'severity + "!" == "CRITICAL!"',
    ],
)
def test_what_may_be_so_is_taken(source: str) -> None:
    RuleCondition.compile(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('kind == "service_down"', Truth.TRUE),
        ('kind == "unknown"', Truth.FALSE),
        ("confidence >= 0.75 && age_seconds < 60.0", Truth.TRUE),
        ('resource.name == "checkout" && resource["group"] == "shop"', Truth.TRUE),
        ('severity in ["critical", "high"]', Truth.TRUE),
        ('metrics["cpu"] > 0.8', Truth.TRUE),
        ("metrics['cpu'] > 0.8", Truth.TRUE),
        ("metrics.cpu > 0.95 || metrics.errors > 2.0", Truth.TRUE),
        ("metrics . cpu < 0.8", Truth.FALSE),
        ('metrics [ "cpu" ] > 0.8', Truth.TRUE),
        ("[1.0, 2.0, 3.0].exists(limit, limit == metrics.errors)", Truth.TRUE),
        ('symptom == "metrics.gone"', Truth.FALSE),
        ('symptom != "metrics[\\"gone\\"]"', Truth.TRUE),
        ("symptom != 'it is metrics.gone'", Truth.TRUE),
        ('symptom != """a "quoted" metrics.gone"""', Truth.TRUE),
        ('symptom != r"metrics.gone"', Truth.TRUE),
        ("kind == 'service_down' // metrics.gone", Truth.TRUE),
        ('resource.name == "gone"', Truth.FALSE),
    ],
)
def test_what_is_known_is_judged(source: str, expected: Truth) -> None:
    assert truth(source) is expected


@pytest.mark.parametrize(
    "source",
    [
        'metrics["gone"] > 1.0',
        "metrics['gone'] > 1.0",
        "metrics.gone > 1.0",
        "!(metrics.gone > 1.0)",
        "true || metrics.gone > 1.0",
        "metrics.gone > 1.0 || true",
        'kind == "service_down" || metrics["gone"] > 1.0',
        "false && metrics.gone > 1.0",
        "metrics.gone > 1.0 ? true : true",
        'kind == "service_down" ? true : metrics.gone > 1.0',
        "metrics.gone in [1.0, 2.0]",
        "!(metrics.gone in [1.0])",
        "[1.0, 2.0].all(limit, metrics.gone != limit)",
        "[1.0].exists(limit, limit == metrics.gone) || true",
        "has((metrics.gone)) || true",
        "metrics.cpu > 0.8 || metrics.gone > 1.0",
        "metrics.gone == metrics.gone",
        "metrics.gone != metrics.gone",
        'symptom == "it\'s" || metrics.gone > 1.0 || symptom != "\'"',
    ],
)
def test_a_missing_metric_makes_the_condition_unknown_and_names_it(source: str) -> None:
    answer = RuleCondition.compile(source).evaluate(known())

    assert answer.truth is Truth.UNKNOWN
    assert answer.statement == "nobody measured gone"


def test_every_missing_metric_is_named() -> None:
    answer = RuleCondition.compile("metrics.b > 1.0 || metrics.cpu > 1.0 || metrics['a'] > 1.0").evaluate(known())

    assert answer.statement == "nobody measured a, b"


@pytest.mark.parametrize(
    "source",
    [
        '"gone" in metrics',
        '!("gone" in metrics)',
        "metrics.size() == 0",
        "size(metrics) == 0",
        "metrics == {}",
        'metrics.all(name, name != "gone")',
        "metrics.all // a remark\n (name, false)",
        'metrics.exists(name, name == "gone") || true',
        "metrics[kind] > 1.0",
        'metrics["go" + "ne"] > 1.0',
        'metrics["gone\\u0020"] > 1.0',
        'metrics[r"gone"] > 1.0',
        '{"all": metrics}.all["gone"] > 1.0',
        "[metrics].exists(one, one.size() == 0)",
        'kind == "x" || // "\n metrics[kind] > 1.0 // "',
        'r"\\" != kind || metrics[kind] > 1.0 || kind == "\\""',
        "[1].exists(metrics, metrics == 1)",
    ],
)
def test_metrics_that_are_not_written_out_are_refused_when_the_rule_is_loaded(source: str) -> None:
    with pytest.raises(MisconfiguredError, match="uses metrics without a name"):
        RuleCondition.compile(source)


@pytest.mark.parametrize("source", ["has(metrics.gone)", "!has(metrics.gone)", "has ( metrics.cpu ) && true"])
def test_asking_whether_a_metric_is_there_is_refused(source: str) -> None:
    with pytest.raises(MisconfiguredError, match="leave it out"):
        RuleCondition.compile(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("kind ==", "is not valid CEL: 1:8: Syntax error"),
        ("knd == 'x'", "undeclared reference to 'knd'"),
        ("kind", "answers with STRING, expected true or false"),
        ("confidence + 1.0", "answers with DOUBLE"),
        ("metrics.cpu", "answers with DOUBLE"),
        ('kind > 1.0 || kind == "x"', "is not valid CEL"),
        ("metrics.http.probe.success > 1.0", "is not valid CEL"),
        ("", "is not valid CEL"),
        ('kind == "x', "is not valid CEL"),
    ],
)
def test_a_condition_that_does_not_compile_is_named_with_its_fault(source: str, words: str) -> None:
    with pytest.raises(MisconfiguredError) as raised:
        RuleCondition.compile(source)

    assert f"`{source}`" in str(raised.value)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def nested(depth: int) -> str:
    """Ten to the power of `depth` rounds."""
    source = "true"
    for level in range(depth):
        source = f"[0,1,2,3,4,5,6,7,8,9].all(x{level}, {source})"
    return source


def test_a_condition_that_costs_too_much_is_unknown() -> None:
    assert truth(nested(3)) is Truth.TRUE

    answer = RuleCondition.compile(nested(7)).evaluate(known())

    assert answer.truth is Truth.UNKNOWN
    assert "budget exceeded" in answer.statement


@pytest.mark.parametrize("source", ["1 / 0 == 1", 'resource[kind] == "x"', "[1][5] == 1", "int(kind) == 1"])
def test_a_condition_that_fails_on_its_data_is_unknown(source: str) -> None:
    answer = RuleCondition.compile(source).evaluate(known())

    assert answer.truth is Truth.UNKNOWN
    assert answer.statement


def test_a_condition_says_which_metrics_it_needs() -> None:
    assert RuleCondition.compile("metrics.cpu > 1.0 && metrics['queue length'] > 1.0").metrics == {
        "cpu",
        "queue length",
    }


# --- laws -------------------------------------------------------------------------------------------------------------

NAMES = ("cpu", "errors", "gone", "away")
SPELLINGS = ('metrics["{}"]', "metrics['{}']", "metrics.{}", "metrics . {}", 'metrics\n["{}"]')


def leaf(spelling: str, name: str, operator: str, number: float) -> str:
    return f"{spelling.format(name)} {operator} {number}"


leaves = st.one_of(
    st.builds(
        leaf,
        st.sampled_from(SPELLINGS),
        st.sampled_from(NAMES),
        st.sampled_from(["<", ">", "<=", ">=", "==", "!="]),
        st.sampled_from([0.0, 0.5, 3.0]),
    ),
    st.sampled_from(["true", "false", 'kind == "service_down"', 'symptom == "metrics.gone"', "1 / 0 == 1"]),
)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, st.sampled_from(["&&", "||", "==", "!="]), inner).map(
            lambda of: f"({of[0]}) {of[1]} ({of[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda of: f"(({of[0]}) ? ({of[1]}) : ({of[2]}))"),
        st.tuples(st.sampled_from(["all", "exists", "exists_one"]), inner).map(
            lambda of: f"[1, 2].{of[0]}(x, {of[1]})"
        ),
        inner.map(lambda one: f'({one}) // "a remark on metrics\n'),
    )


expressions = st.recursive(leaves, larger, max_leaves=5)
measured = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.0, 0.5, 3.0]))


@given(expressions, measured)
@example('(metrics["gone"] > 0.0) || (true)', {})
def test_no_expression_over_a_missing_metric_is_ever_true(source: str, metrics: dict[str, float]) -> None:
    spelled = source.replace('"metrics.gone"', "")  # apart from the literal that merely looks like one
    needed = {name for name in NAMES if any(spelling.format(name) in spelled for spelling in SPELLINGS)}

    answer = RuleCondition.compile(source).evaluate(known(metrics=metrics))

    if needed - set(metrics):
        assert answer.truth is Truth.UNKNOWN


@given(expressions, measured, measured)
def test_measuring_more_never_turns_an_answer_into_its_opposite_or_unknown(
    source: str, metrics: dict[str, float], more: dict[str, float]
) -> None:
    condition = RuleCondition.compile(source)
    before = condition.evaluate(known(metrics=metrics)).truth

    after = condition.evaluate(known(metrics={**more, **metrics})).truth

    assert before in {after, Truth.UNKNOWN}
