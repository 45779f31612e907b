"""A double of AWS for tests: a moto server over HTTP, and what moto lacks on top of it, named in `docs/aws.md`.

`running_aws` needs the package `moto[server]`. Policies are judged here, not by moto, because moto ignores most of
`Resource` and the whole of `Condition`: by itself it would reward `"*"`.
"""

from __future__ import annotations

from recoverops.testing.aws.faults import Faults
from recoverops.testing.aws.server import ACCOUNT, REGION, Aws, Key, running_aws

__all__ = ["ACCOUNT", "REGION", "Aws", "Faults", "Key", "running_aws"]
