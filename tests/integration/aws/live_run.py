"""A run of the live scenes on the double: its settings, its ground, and a process of its own for it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.live.aws.ground import Ground, entered
from tests.live.aws.settings import LiveSettings, settings_of

from recoverops.testing.aws import ACCOUNT, REGION, Aws

ROOT = Path(__file__).parents[3]


def environment(aws: Aws, **changes: str) -> dict[str, str]:
    """What a person would set, but for the address of the double."""
    given = {
        "AWS_LIVE": "costs-money",
        "AWS_LIVE_ACCOUNT": ACCOUNT,
        "AWS_LIVE_REGION": REGION,
        "AWS_LIVE_MAX_USD": "5",
        "AWS_LIVE_MINUTES": "10",
        "AWS_LIVE_ENDPOINT": aws.url,
    }
    return {name: value for name, value in {**given, **changes}.items() if value}


def settings_on(aws: Aws, **changes: str) -> LiveSettings:
    return settings_of(environment(aws, **changes))


def ground_on(settings: LiveSettings, session: Any) -> Ground:
    made = entered(settings, session, pause_s=0.05)
    made.cleans_for = timedelta(seconds=10)
    return made


def begun(aws: Aws, command: str, **changes: str) -> subprocess.Popen[str]:
    """`python -m tests.live.aws <command>`, with the double's credentials and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS")}
    keys = {"AWS_ACCESS_KEY_ID": aws.admin_key.id, "AWS_SECRET_ACCESS_KEY": aws.admin_key.secret}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.live.aws", command],
        cwd=ROOT,
        env={**kept, **keys, **environment(aws, **changes), "AWS_EC2_METADATA_DISABLED": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it said."""
    told, _ = process.communicate(timeout=90)
    return process.returncode, told
