"""Documents of SSM as the double reads them: parameters checked against their declaration, and put into texts.

The double knows `{{ Name }}` of parameters, and in Automation of outputs (`{{ step.Output }}`) and `global:` values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recoverops.testing.aws.door import RefusedError
from recoverops.testing.aws.named import Call

_REFERENCE = re.compile(r"\{\{ ?([A-Za-z0-9_.:]+) ?\}\}")
Value = str | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    name: str
    version: str
    kind: str
    """Command or Automation"""
    content: Mapping[str, Any]


def document_of(call: Call, *, kind: str) -> Document:
    """The document that a request names, in the version and with the hash that it asks for, or `InvalidDocument`."""
    from moto.core.exceptions import ServiceException
    from moto.ssm.models import ssm_backends

    name, version = str(call.body["DocumentName"]), str(call.body.get("DocumentVersion", "$DEFAULT"))
    backend = ssm_backends[call.account][call.region]
    try:
        held = backend._get_documents(name)
        found = held.find(held.default_version if version == "$DEFAULT" else version)
    except (ServiceException, KeyError) as error:
        raise RefusedError("InvalidDocument", f"the document {name} in version {version} does not exist") from error
    if found.document_type != kind:
        raise RefusedError("InvalidDocument", f"{name} is a document of the type {found.document_type}, not {kind}")
    asked = call.body.get("DocumentHash")
    if asked is not None and asked != found.hash:
        raise RefusedError("InvalidDocument", f"the hash of {name} in version {version} is another one")
    return Document(name=name, version=found.document_version, kind=kind, content=found.content_json)


def parameters_of(document: Document, given: Mapping[str, Any]) -> dict[str, Value]:
    """Given values and defaults. A value that is unknown, missing, or does not match is `InvalidParameters`."""
    declared = document.content.get("parameters") or {}
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise RefusedError("InvalidParameters", f"{document.name} has no parameter {unknown[0]}")
    found: dict[str, Value] = {}
    for name, about in declared.items():
        if name not in given and "default" not in about:
            raise RefusedError("InvalidParameters", f"{document.name} needs the parameter {name}")
        value = given.get(name, about.get("default"))
        values = [str(one) for one in (value if isinstance(value, list) else [value])]
        if name in given:
            _check(document, name, about, values)
        found[name] = values if about["type"] == "StringList" else values[0]
    return found


def _check(document: Document, name: str, about: Mapping[str, Any], values: Sequence[str]) -> None:
    if about["type"] != "StringList" and len(values) != 1:
        raise RefusedError("InvalidParameters", f"{document.name}: {name} takes one value")
    for value in values:
        pattern, allowed = about.get("allowedPattern"), about.get("allowedValues")
        if (pattern and not re.search(pattern, value)) or (allowed and value not in allowed):
            raise RefusedError("InvalidParameters", f"{document.name}: {name} does not allow {value!r}")


def filled(content: Any, values: Mapping[str, Any]) -> Any:
    """`content` with every reference replaced. A text that is one reference becomes its value, of whatever type."""
    if isinstance(content, Mapping):
        return {key: filled(one, values) for key, one in content.items()}
    if isinstance(content, list):
        return [filled(one, values) for one in content]
    if not isinstance(content, str):
        return content
    whole = _REFERENCE.fullmatch(content)
    if whole is not None:
        return _value(whole[1], values)
    return _REFERENCE.sub(lambda match: _text(_value(match[1], values)), content)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise RefusedError("InvalidParameters", f"nothing is called {name}; known are {', '.join(sorted(values))}")
    return values[name]


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
