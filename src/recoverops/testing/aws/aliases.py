"""`RevisionId` of Lambda aliases: each change gives a new one, and an update that names an old one is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def alias_pieces() -> Iterator[tuple[type, str, Any]]:
    from moto.awslambda.models import LambdaAlias
    from moto.awslambda.responses import LambdaResponse
    from moto.core.exceptions import JsonRESTError
    from moto.moto_api._internal import mock_random

    usual_call, usual_update = LambdaResponse.update_alias, LambdaAlias.update

    def update_alias(response: Any) -> Any:
        wanted = json.loads(response.body).get("RevisionId")
        function, _, name = response.path.split("/")[-3:]
        if wanted is not None and wanted != response.backend.get_alias(name=name, function_name=function).revision_id:
            outdated = JsonRESTError(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
                "retrieve the latest Revision Id",
            )
            outdated.code = 412
            raise outdated
        return usual_call(response)

    def update(alias: Any, description: Any, function_version: Any, routing_config: Any) -> None:
        usual_update(alias, description, function_version, routing_config)
        alias.revision_id = str(mock_random.uuid4())

    yield LambdaResponse, "update_alias", update_alias
    yield LambdaAlias, "update", update
