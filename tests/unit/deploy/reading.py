"""The templates and modules of deploy/aws: CloudFormation in cfn-lint's reading, Terraform in that of python-hcl2."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import cfnlint.decode
import hcl2

ROOT = Path(__file__).parents[3]
AWS = ROOT / "deploy/aws"
NAMES = ("intake", "service", "one-instance")
"""Of the templates, and of the Terraform modules beside them."""


@cache
def template_file(name: str) -> Path:
    return AWS / "cloudformation" / f"{name}.yaml"


@cache
def template(name: str) -> Mapping[str, Any]:
    """With long names of functions: `{"Fn::GetAtt": ["Stream", "Arn"]}`."""
    found, problems = cfnlint.decode.decode(template_file(name))
    assert not problems, problems
    read: Mapping[str, Any] = found
    return read


def resources(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = template(name)["Resources"]
    return found


@cache
def module(name: str) -> tuple[Mapping[str, Any], ...]:
    """Each file of the Terraform module, in the order of their names."""
    return tuple(
        hcl2.loads(file.read_text(encoding="utf-8")) for file in sorted((AWS / "terraform" / name).glob("*.tf"))
    )


def blocks(name: str, kind: str) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The blocks of this kind with their labels: `("aws_iam_role", "task_role")`."""
    for file in module(name):
        for block in file.get(kind, ()):
            labels, body = list[str](), block
            while len(body) >= 1 and len(labels) < (2 if kind in {"resource", "data"} else 1):
                ((label, body),) = [(key, value) for key, value in body.items() if not key.startswith("__")]
                labels.append(label.strip('"'))
            yield tuple(labels), body


def walked(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield str(key), below
            yield from walked(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from walked(below)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def function(name: str) -> ModuleType:
    """A Lambda function's file, as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"lambda_{name}", AWS / "lambda" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
