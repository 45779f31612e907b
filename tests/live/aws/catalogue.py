"""All scenes, and what has none, with the reason. Together they are every action and every source; a test says so."""

from __future__ import annotations

from tests.live.aws.scene import Scene
from tests.live.aws.scenes.balancers import BALANCERS
from tests.live.aws.scenes.commands import COMMANDS
from tests.live.aws.scenes.functions import FUNCTIONS
from tests.live.aws.scenes.groups import GROUPS
from tests.live.aws.scenes.instances import INSTANCES
from tests.live.aws.scenes.security import SECURITY
from tests.live.aws.scenes.sources import SOURCES
from tests.live.aws.scenes.storage import STORAGE
from tests.live.aws.scenes.streams import STREAMS
from tests.live.aws.scenes.tasks import TASKS

SCENES: tuple[Scene, ...] = (
    *SECURITY,
    *FUNCTIONS,
    *TASKS,
    *STORAGE,
    *SOURCES,
    *STREAMS,
    *INSTANCES,
    *GROUPS,
    *BALANCERS,
    *COMMANDS,
)
"""What costs next to nothing comes first."""

_DATABASE = "a database: some USD, and up to an hour for each change"
EXCLUDED: dict[str, str] = {
    "rds-failover": _DATABASE,
    "rds-storage": _DATABASE,
    "rds-class": _DATABASE,
    "aws-sns": "an address that SNS reaches from the internet",
    "aws-eventbridge": "an address that EventBridge reaches from the internet",
    "smartcloudops": "a parameter whose name cannot be ours; the scene `parameter` makes the same call",
}
"""Action or source -> what it would need."""
