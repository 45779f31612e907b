"""How DBOS writes down inputs, answers and errors: plain JSON. Its own default is pickle, which runs what it reads.

Handed to DBOS and to its datasource by `on_dbos`. An envelope tells an answer from an error, because DBOS gives both
to the same method. An exception keeps its type name and its redacted message, nothing that could be executed.
"""

from __future__ import annotations

from typing import Any

import msgspec
from dbos import Serializer

from recoverops.workflows.checkpoint import Failure, error_from, failure_of


class _Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    value: Any = None
    failure: Failure | None = None


_DECODER = msgspec.json.Decoder(_Envelope)


class JsonSerializer(Serializer):
    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            return msgspec.json.encode(_Envelope(failure=failure_of(data))).decode()
        return msgspec.json.encode(_Envelope(value=data)).decode()

    # DBOS declares the parameter as `cls` and calls it on an instance.
    def deserialize(self, serialized_data: str) -> Any:
        envelope = _DECODER.decode(serialized_data)
        return envelope.value if envelope.failure is None else error_from(envelope.failure)

    def name(self) -> str:
        """Stands in every row beside what it wrote, so a row of another serialiser is refused, never guessed at."""
        return "recoverops_json"
