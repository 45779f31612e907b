"""The machinery of `make aws-live`, on the double: opt-in, account, price, tags, clean-up after a kill, leftovers.

Part of `make test-all`, which whoever means to run `make aws-live` runs before.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.acceptance.harness import eventually
from tests.integration.aws.conftest import instance
from tests.integration.aws.live_run import begun, ended, ground_on, settings_on
from tests.live.aws.acting import Act, acted
from tests.live.aws.catalogue import SCENES
from tests.live.aws.cleaning import look_around
from tests.live.aws.ground import EXPIRES, TAG, Ground, is_run
from tests.live.aws.kinds import Found
from tests.live.aws.machines import launched
from tests.live.aws.program import chosen, cleaned, closed, played
from tests.live.aws.scene import Scene
from tests.live.aws.settings import LiveSettings
from tests.live.aws.stage import Stage

from recoverops.model import MisconfiguredError
from recoverops.testing.aws import REGION, Aws

pytestmark = pytest.mark.slow

WAITS = "ssm-run"
"""A scene that, on a double without a machine for its instance, waits in its middle for ten minutes."""


@pytest.fixture
def settings(aws: Aws) -> LiveSettings:
    return settings_on(aws)


@pytest.fixture
def ground(settings: LiveSettings, live_session: Any) -> Ground:
    return ground_on(settings, live_session)


def named(name: str) -> Scene:
    return next(one for one in SCENES if one.name == name)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"AWS_LIVE": ""}, "it needs AWS_LIVE=costs-money, and beside it AWS_LIVE_ACCOUNT"),
        ({"AWS_LIVE_ACCOUNT": "210987654321"}, "the credentials in use are of 123456789012"),
        ({"AWS_LIVE_MAX_USD": "0.01", "AWS_LIVE_ONLY": "ec2-stop"}, "may cost up to 0.04 USD, and AWS_LIVE_MAX_USD is"),
    ],
    ids=["not opted in", "another account", "too dear"],
)
def test_a_run_that_is_not_meant_ends_with_a_sentence_before_anything_is_made(
    aws: Aws, ground: Ground, changes: dict[str, str], told: str
) -> None:
    before = look_around(ground).found
    code, said = ended(begun(aws, "run", **changes))
    assert code == 2
    assert said.startswith("aws-live: "), said
    assert told in said
    assert look_around(ground).found == before


def test_a_run_says_before_what_it_costs_at_most_and_afterwards_that_nothing_is_left(aws: Aws) -> None:
    code, said = ended(begun(aws, "run", AWS_LIVE_ONLY="iam-key-deactivate eip-release"))
    assert code == 0, said
    bill, _, rest = said.partition("iam-key-deactivate:")
    assert re.search(r"at most +0\.0[0-9] USD", bill)
    assert "rds-class" in bill
    assert "2 of 2 scenes hold" in rest
    assert rest.endswith("nothing is left\n")


def test_everything_that_a_scene_makes_carries_the_run_and_its_end(ground: Ground) -> None:
    seen: list[Found] = []
    tags: dict[str, str] = {}

    def look(stage: Stage) -> None:
        named("ec2-isolate").play(stage)
        made = [one for one in stage.made if one.kind == "instance"]
        (told,) = stage.client("ec2").describe_instances(InstanceIds=[made[0].ident])["Reservations"][0]["Instances"]
        tags.update({one["Key"]: one["Value"] for one in told["Tags"]})
        assert set(stage.made) <= set(look_around(ground, run=ground.run).found)
        seen.extend(stage.made)

    (result,) = played(ground, [replace(named("ec2-isolate"), play=look)], lambda _: None)
    assert result.told == ""
    assert {one.kind for one in seen} == {"instance", "security group", "role"}
    assert tags[TAG] == ground.run
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\dZ", tags[EXPIRES])


def test_a_scene_that_fails_is_told_and_cleaned_up_and_the_next_one_is_played(ground: Ground) -> None:
    def break_down(stage: Stage) -> None:
        launched(stage)
        raise RuntimeError("the capacity of this zone")

    told: list[str] = []
    broken = replace(named("ec2-stop"), play=break_down)
    results = played(ground, [broken, named("iam-key-deactivate")], told.append)
    assert [one.told for one in results] == ["RuntimeError: the capacity of this zone", ""]
    assert not closed(ground, results, told.append)
    assert told[-1] == "nothing is left"


def test_an_action_whose_effect_cannot_be_seen_does_not_hold(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(stage: Stage) -> None:
        (ident,) = launched(stage)
        acted(stage, Act(action="ec2-stop", address=f"ec2 id={ident}", eyes=lambda: "always the same"))

    usual = Ground.until
    monkeypatch.setattr(
        Ground, "until", lambda self, what, look, **_: usual(self, what, look, within=timedelta(seconds=2))
    )
    (result,) = played(ground, [replace(named("ec2-stop"), play=blind)], lambda _: None)
    assert "an effect of ec2-stop that can be seen: not within" in result.told


def test_no_scene_begins_after_the_end_of_the_run(ground: Ground) -> None:
    ground.deadline = ground.clock.now()
    (result,) = played(ground, [named("eip-release")], lambda _: None)
    assert result.told == "not played: the time of the run is over"


@contextmanager
def in_the_middle(aws: Aws) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process whose run has an instance, and waits; and the run."""
    process = begun(aws, "run", AWS_LIVE_ONLY=WAITS)
    try:
        yield process, eventually("the instance of the run", lambda: running(aws), within_s=60)
    finally:
        process.kill()
        process.wait(10)


def running(aws: Aws) -> str | None:
    """The run of an instance that runs."""
    wanted = [{"Name": "tag-key", "Values": [TAG]}, {"Name": "instance-state-name", "Values": ["running"]}]
    pages = aws.admin("ec2").describe_instances(Filters=wanted)["Reservations"]
    tags = [tag for page in pages for one in page["Instances"] for tag in one["Tags"]]
    return next((one["Value"] for one in tags if one["Key"] == TAG and is_run(one["Value"])), None)


def test_a_run_that_is_told_to_end_in_its_middle_removes_what_it_made(aws: Aws, ground: Ground) -> None:
    with in_the_middle(aws) as (process, run):
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
    assert code == 130, said
    assert said.endswith("nothing is left\n"), said
    assert look_around(ground, run=run).found == ()


def test_what_a_killed_run_left_is_found_by_its_tag_and_removed_and_nothing_else(aws: Aws, ground: Ground) -> None:
    # given a run that was killed in its middle, and things of others
    foreign = instance(aws, tags={"service": "checkout"})
    other = instance(aws, tags={TAG: "of somebody who uses our tag otherwise"})
    aws.admin("s3").create_bucket(
        Bucket="recoverops-live-by-hand", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with in_the_middle(aws) as (process, run):
        process.kill()
        process.wait(10)
    left = look_around(ground, run=run).found
    assert {one.kind for one in left} == {"instance", "volume", "security group", "instance profile", "role"}

    # when its time is not over, it may go on for all that anybody knows
    code, said = ended(begun(aws, "clean", AWS_LIVE_MAX_USD=""))
    assert (code, look_around(ground, run=run).found) == (0, left)
    assert f"AWS_LIVE_RUN={run} removes it all the same" in said
    assert "bucket recoverops-live-by-hand: it has no tag of a run" in said

    # then it goes by its name
    code, said = ended(begun(aws, "clean", AWS_LIVE_MAX_USD="", AWS_LIVE_RUN=run))
    assert code == 0, said
    assert look_around(ground, run=run).found == ()
    assert said.endswith("nothing is left\n")
    found = aws.admin("ec2").describe_instances(InstanceIds=[foreign, other])["Reservations"]
    assert {one["State"]["Name"] for page in found for one in page["Instances"]} == {"running"}
    aws.admin("s3").delete_bucket(Bucket="recoverops-live-by-hand")


def test_runs_whose_time_is_over_are_cleaned_up_without_being_named(settings: LiveSettings, ground: Ground) -> None:
    over = "20260301t1200-0af3"
    ground.run = over
    stage = Stage(ground=ground, scene="eip-release", tell=lambda _: None)
    made = stage.client("ec2").allocate_address(Domain="vpc", TagSpecifications=stage.specified("elastic-ip"))
    assert [one.ident for one in look_around(ground, run=over).found] == [made["AllocationId"]]
    assert cleaned(ground, settings, lambda _: None)
    assert look_around(ground, run=over).found == ()


def test_what_aws_does_not_let_go_is_said_at_the_end(ground: Ground) -> None:
    """A role that somebody else has put to use."""
    ground.cleans_for = timedelta(seconds=1)

    def keep(stage: Stage) -> None:
        role = stage.role("kept").rpartition("/")[2]
        stage.client("iam").create_instance_profile(InstanceProfileName="of-somebody-else")
        stage.client("iam").add_role_to_instance_profile(InstanceProfileName="of-somebody-else", RoleName=role)

    told: list[str] = []
    results = played(ground, [replace(named("checks"), play=keep)], told.append)
    assert not closed(ground, results, told.append)
    assert told[-1].startswith("STILL THERE: role recoverops-live-")
    iam = ground.client("iam")
    role = ground.called("checks-kept")
    iam.remove_role_from_instance_profile(InstanceProfileName="of-somebody-else", RoleName=role)
    iam.delete_instance_profile(InstanceProfileName="of-somebody-else")
    iam.delete_role(RoleName=role)


def test_scenes_are_chosen_by_name_and_an_unknown_one_is_refused(aws: Aws) -> None:
    assert [one.name for one in chosen(settings_on(aws, AWS_LIVE_ONLY="logs,kinesis"))] == ["logs", "kinesis"]
    with pytest.raises(MisconfiguredError, match="AWS_LIVE_ONLY names rds-class; there are sg-close-ingress, "):
        chosen(settings_on(aws, AWS_LIVE_ONLY="rds-class"))


def test_what_aws_does_not_list_is_not_called_gone(aws: Aws, ground: Ground) -> None:
    """For want of a right, say."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denied = {"Effect": "Deny", "Action": "kinesis:ListStreams", "Resource": "*"}
    key = aws.user({"Version": "2012-10-17", "Statement": [everything, denied]})
    ground._clients["kinesis"] = aws.client("kinesis", key)
    told: list[str] = []
    results = played(ground, [named("eip-release")], told.append)
    assert [one.told for one in results] == [""]
    assert not closed(ground, results, told.append)
    assert told[-1].startswith("NOT KNOWN whether anything is left of stream: ")
    assert "ListStreams" in told[-1]
