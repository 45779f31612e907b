"""Pricing in the double, which moto lacks: `GetProducts` for a few shapes of EC2 in one region.

**The prices are test values**, round and made up, so that nobody takes them for what AWS asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from recoverops.testing.aws.door import RefusedError
from recoverops.testing.aws.named import Call

TEST_PRICES_USD: Mapping[str, str] = {"t3.micro": "0.01", "t3.large": "0.08", "m7g.large": "0.10", "m7g.xlarge": "0.20"}
"""Instance type -> dollars an hour, on demand. Not what AWS asks."""
_REGION = "eu-central-1"
_PAGE = 100


def pricing_answers() -> dict[str, Callable[[Call], Mapping[str, Any]]]:
    return {"pricing:GetProducts": _products}


def priced(moto: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`moto`, but for requests to Pricing, for which it has no service. They pass the door like all others."""
    from flask import Flask, Response, request
    from moto.core.responses import BaseResponse
    from moto.moto_server.werkzeug_app import BackendRequest

    class PricingResponse(BaseResponse):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(service_name="pricing")

    class Pricing(Flask):
        request_class = BackendRequest

    own = Pricing("pricing")

    @own.route("/", methods=["POST"])
    def answer() -> Response:
        status, headers, body = PricingResponse.dispatch(request)
        return Response(body, status=int(status), headers={key: str(one) for key, one in headers.items()})

    def serve(environ: Any, start_response: Any) -> Any:
        is_ours = "/pricing/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
        return (own if is_ours else moto)(environ, start_response)

    return serve


def _products(call: Call) -> Mapping[str, Any]:
    if call.body.get("ServiceCode") != "AmazonEC2":
        raise RefusedError("NotFoundException", "the double has prices of AmazonEC2 only")
    wanted = {one["Field"]: one["Value"] for one in call.body.get("Filters", ())}
    found = [_product(kind, price) for kind, price in TEST_PRICES_USD.items()]
    fitting = [one for one in found if wanted.items() <= one["product"]["attributes"].items()]
    size, start = int(call.body.get("MaxResults", _PAGE)), int(call.body.get("NextToken", "0"))
    more = {"NextToken": str(start + size)} if start + size < len(fitting) else {}
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in fitting[start : start + size]], **more}


def _product(kind: str, price: str) -> dict[str, Any]:
    attributes = {
        "instanceType": kind,
        "regionCode": _REGION,
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "servicecode": "AmazonEC2",
    }
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": price}, "description": "a test value of the double"}
    return {
        "product": {"productFamily": "Compute Instance", "attributes": attributes, "sku": f"TEST-{kind}"},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"TEST-{kind}.1": {"priceDimensions": {f"TEST-{kind}.1.1": dimension}}}},
        "version": "test",
    }
