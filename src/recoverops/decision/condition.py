"""Conditions of rules, in CEL (cel-expr-python behind three methods: compile, evaluate, source).

A metric that nobody measured makes the condition *unknown*, never true - not through `!`, `||`, a ternary or `has()`
either. To be able to promise that, the metrics a condition may use have to be written out: `metrics["cpu"]` or
`metrics.cpu`; every other use of `metrics` is refused when the rule is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from cel_expr_python import cel

from recoverops.decision.asked import Asked, Comparison, asked
from recoverops.model import IncidentKind, MisconfiguredError, ResourceKind, Severity

# Read from the left: a quote within a comment opens no string, and a name within a string is no metric.
_COMMENT = r"//[^\n]*"
_RAW_TEXT = r"""(?<!\w)[bB]?[rR](?:"{3}[\s\S]*?"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')"""
_TEXT = (
    r'"{3}(?:\\[\s\S]|[^\\])*?"{3}'
    + r"|'{3}(?:\\[\s\S]|[^\\])*?'{3}"
    + r'|"(?:\\.|[^"\\\n])*"'
    + r"|'(?:\\.|[^'\\\n])*'"
)
_NAME = (
    r"""\[\s*(?:"(?P<double>[^"\\\n]+)"|'(?P<single>[^'\\\n]+)')\s*\]"""
    r"""|\.\s*(?P<field>[A-Za-z_]\w*+)(?!(?:\s|//[^\n]*)*\()"""  # a name before a bracket is a function, not a metric
)
_TOKEN = re.compile(rf"{_COMMENT}|{_RAW_TEXT}|{_TEXT}|(?P<has>\bhas\s*\(\s*)?(?P<use>\bmetrics\b)(?:\s*(?:{_NAME}))?")

_WORDS: Mapping[str, tuple[str, ...]] = {
    "kind": tuple(IncidentKind),
    "severity": tuple(Severity),
    "resource.kind": tuple(ResourceKind),
}
"""What has one of a few values, so that a comparison with another text is a slip."""
_FIELDS = ("kind", "name", "group")
"""Of `resource`."""

VARIABLES = ("kind", "severity", "confidence", "resource", "symptom", "age_seconds", "metrics")


class Truth(StrEnum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    truth: Truth
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionFacts:
    """What a condition may ask about."""

    kind: str
    severity: str
    confidence: float
    resource: Mapping[str, str]
    symptom: str
    age_seconds: float
    metrics: Mapping[str, float]

    def plain(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in VARIABLES}


_environment: Any = None


def _cel() -> Any:
    """Built on first use: it costs tens of milliseconds."""
    global _environment  # noqa: PLW0603 - one immutable environment a process
    if _environment is None:
        text, number = cel.Type.STRING, cel.Type.DOUBLE
        _environment = cel.NewEnv(
            variables={
                "kind": text,
                "severity": text,
                "confidence": number,
                "resource": cel.Type.Map(text, text),
                "symptom": text,
                "age_seconds": number,
                "metrics": cel.Type.Map(text, number),
            }
        )
    return _environment


class RuleCondition:
    """One compiled condition."""

    def __init__(
        self, source: str, metrics: frozenset[str], comparisons: tuple[Comparison, ...], compiled: Any
    ) -> None:
        self.source = source
        self.metrics = metrics
        """The metrics that it needs."""
        self.comparisons = comparisons
        """The texts that it compares something with."""
        self._compiled = compiled

    @classmethod
    def compile(cls, source: str) -> RuleCondition:
        """Raises MisconfiguredError with CEL's own words when it does not parse, or is not a yes-or-no question.

        So it does for a field that `resource` has not, and for a comparison with a word that never comes.
        """
        metrics = _named_metrics(source)
        try:
            compiled = _cel().compile(source)
        except RuntimeError as error:
            raise MisconfiguredError(f"condition `{source}` is not valid CEL: {_first_lines(error)}") from error
        if compiled.return_type() != cel.Type.BOOL:
            raise MisconfiguredError(
                f"condition `{source}` answers with {compiled.return_type().name()}, expected true or false; "
                f'compare it with something, e.g. kind == "service_down"'
            )
        found = asked(compiled)
        if slips := list(_slips(found)):
            raise MisconfiguredError(f"condition `{source}` {'; it '.join(slips)}")
        return cls(source, metrics, found.comparisons, compiled)

    def evaluate(self, facts: ConditionFacts) -> Answer:
        """Never raises for data: what cannot be judged is unknown, with the reason."""
        missing = sorted(self.metrics - set(facts.metrics))
        if missing:
            return Answer(truth=Truth.UNKNOWN, statement=f"nobody measured {', '.join(missing)}")
        try:
            value = self._compiled.eval(data=facts.plain())
        except RuntimeError as error:
            return Answer(truth=Truth.UNKNOWN, statement=_first_lines(error))
        if value.type() != cel.Type.BOOL:
            return Answer(truth=Truth.UNKNOWN, statement=str(value.value()))
        truth = Truth.TRUE if value.value() is True else Truth.FALSE
        return Answer(truth=truth, statement=f"`{self.source}` is {truth}")


def _slips(found: Asked) -> Iterator[str]:
    for field in found.fields:
        if field not in _FIELDS:
            yield f"asks for resource.{field}, which does not exist{_meant(field, _FIELDS)}"
    for one in found.comparisons:
        words = _WORDS.get(one.subject)
        if words is not None and one.text and one.text not in words:
            yield f'compares {one.subject} with "{one.text}", which it never is{_meant(one.text, words)}'


def _meant(given: str, known: tuple[str, ...]) -> str:
    nearest = get_close_matches(given.lower(), known, n=1)
    return f' (did you mean "{nearest[0]}"?)' if nearest else f" (known are: {', '.join(known)})"


def _named_metrics(source: str) -> frozenset[str]:
    uses = [found for found in _TOKEN.finditer(source) if found["use"]]
    names = {found["double"] or found["single"] or found["field"] for found in uses}
    if None in names:
        raise MisconfiguredError(
            f'condition `{source}` uses metrics without a name; write metrics["name"], so that a missing one is seen'
        )
    if any(found["has"] for found in uses):
        raise MisconfiguredError(
            f"condition `{source}` asks has(metrics...); leave it out: a missing metric makes the condition unknown"
        )
    return frozenset(names)


def _first_lines(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removeprefix("INVALID_ARGUMENT: ERROR: <input>:").removesuffix(" [INVALID_ARGUMENT]")
