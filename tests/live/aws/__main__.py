"""`python -m tests.live.aws plan | run | clean`: see docs/aws.md, Against a real account. `plan` calls nobody."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from types import FrameType

from tests.live.aws.catalogue import SCENES
from tests.live.aws.ground import entered
from tests.live.aws.program import bill, chosen, cleaned, closed, played, problems_of, say_left
from tests.live.aws.settings import settings_of

from recoverops.model import RecoverOpsError

LASTS = timedelta(minutes=120)


def main(command: str) -> int:
    """0 when all held and nothing is left, 1 when not, 2 when nothing was begun, 130 when it was ended by a signal."""
    try:
        return _done(command)
    except RecoverOpsError as error:
        for one in problems_of(error):
            sys.stderr.write(f"aws-live: {one}\n")
        return 2


def _done(command: str) -> int:
    if command == "plan":
        say("\n".join(bill(SCENES, LASTS)))
        return 0
    settings = settings_of(os.environ, needs_money=command == "run")
    import boto3

    if command == "clean":
        ground = entered(settings, boto3.session.Session())
        return 0 if cleaned(ground, settings, say) else 1
    scenes = chosen(settings)
    ground = entered(settings, boto3.session.Session())
    say(f"account {ground.account}, {ground.region}, run {ground.run}; at most:")
    say("\n".join(bill(scenes, settings.lasts)))
    say(f"if this is killed: AWS_LIVE_RUN={ground.run} make aws-live-clean, with the same settings")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        results = played(ground, scenes, say)
    except KeyboardInterrupt:
        say("ended by a signal, after the clean-up")
        say_left(ground, say)
        return 130
    return 0 if closed(ground, results, say) else 1


def say(told: str) -> None:
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C: whatever is made is removed on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    known = {"plan", "run", "clean"}
    if len(sys.argv) != 2 or sys.argv[1] not in known:
        sys.exit(f"python -m tests.live.aws {' | '.join(sorted(known))}")
    sys.exit(main(sys.argv[1]))
