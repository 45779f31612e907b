"""Pricing in the double: asked like AWS, with prices that are test values."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from recoverops.testing.aws import Aws
from recoverops.testing.aws.pricing import TEST_PRICES_USD


def test_the_products_that_fit_are_listed_page_by_page(aws: Aws) -> None:
    pricing = aws.admin("pricing", region="us-east-1")
    fits = [{"Type": "TERM_MATCH", "Field": "instanceType", "Value": "t3.large"}]
    (one,) = pricing.get_products(ServiceCode="AmazonEC2", Filters=fits)["PriceList"]
    (term,) = json.loads(one)["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert dimension["pricePerUnit"] == {"USD": TEST_PRICES_USD["t3.large"]}
    assert dimension["description"] == "a test value of the double"
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", PaginationConfig={"PageSize": 3})
    assert [len(page["PriceList"]) for page in pages] == [3, 1]


def test_asking_for_prices_is_a_permission_without_resources(aws: Aws) -> None:
    def asking(resource: str) -> list[str]:
        statement = {"Effect": "Allow", "Action": "pricing:GetProducts", "Resource": resource}
        key = aws.user({"Version": "2012-10-17", "Statement": [statement]})
        found: list[str] = aws.client("pricing", key, region="us-east-1").get_products(ServiceCode="AmazonEC2")[
            "PriceList"
        ]
        return found

    assert len(asking("*")) == len(TEST_PRICES_USD)
    with pytest.raises(ClientError, match=r"AccessDeniedException.*pricing:GetProducts"):
        asking("arn:aws:pricing:::product")
