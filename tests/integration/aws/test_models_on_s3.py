"""Models on S3: the rights of the generated policy, each one missing, and a real engine that uses what was trained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.harness import Site, site
from tests.conformance.test_models import NOON, parts, save, weight
from tests.integration.aws.buckets import RIGHTS, Bucket
from tests.unit.cli.test_train import written

from recoverops.model import ForbiddenError, PermanentError
from recoverops.storage.models import ObjectModelStore
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key


@pytest.fixture
def bucket(aws: Aws) -> Bucket:
    return Bucket(aws)


@pytest.mark.parametrize("right", RIGHTS)
def test_with_one_right_missing_it_is_named_and_nothing_half_done_remains(right: str, bucket: Bucket) -> None:
    store = ObjectModelStore(bucket.store(), keep=2)
    save(store, 1, 2)
    store.switch("joint", to=2, expected=None)
    before = {key: bucket.read(key) for key in bucket.files()}
    lacking = ObjectModelStore(bucket.store(bucket.key(without=right)), keep=2)
    with pytest.raises(ForbiddenError, match=f"the permission {right} is missing on arn:aws:s3:::{bucket.name}"):
        lacking.save("joint", parts(3), at=NOON)  # version 1 is to go
    assert [one.version for one in store.versions("joint")] == [2, 1]
    assert (store.current("joint"), store.damaged("joint")) == (2, ())
    after = {key: bucket.read(key) for key in bucket.files()}
    if right != "s3:DeleteObject":  # without it its files stay, and are no version
        assert after == before
    store.save("joint", parts(4), at=NOON)
    assert weight(store.load("joint", store.versions("joint")[0].version).parts) == 4


def test_a_damaged_object_is_refused_and_the_one_before_is_used(bucket: Bucket) -> None:
    store = ObjectModelStore(bucket.store())
    save(store, 1, 2)
    store.switch("joint", to=1, expected=None)
    store.switch("joint", to=2, expected=1)
    bucket.write("joint/2/arrays.npz", bucket.read("joint/2/arrays.npz")[:-1] + b"!")
    with pytest.raises(PermanentError, match=rf"s3://{bucket.name}/kept/here/joint/2/arrays.npz has the SHA-256"):
        store.load("joint", 2)
    found = store.load_current("joint")
    assert found is not None
    assert found.version.version == 1


def configure(place: Site, bucket: Bucket, key: Key, **sections: Any) -> None:
    for name, text in (("id", key.id), ("secret", key.secret)):
        (place.directory / name).write_text(text)
        (place.directory / name).chmod(0o600)
    settings: dict[str, Any] = {
        "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}],
        "access_key": f"file:{place.directory}/id",
        "secret_key": f"file:{place.directory}/secret",
        "endpoint_url": bucket.aws.url,
        "attempts": 1,
    }
    supervised = {"supervisor": {"url": place.supervisor.url, "every": "1s"}}
    place.configure(
        plugins=[{"name": "linux", "settings": supervised}, {"name": "console"}, {"name": "aws", "settings": settings}],
        **{"detection": {"model_place": bucket.url}, **sections},
    )


def test_what_a_command_trained_is_used_by_an_engine_elsewhere(bucket: Bucket, root: Key, tmp_path: Path) -> None:
    csv, kept = written(tmp_path / "web.csv", 1500), Bucket(bucket.aws, prefix="history")
    with site(tmp_path) as place:
        # given the rights of the generated policy and no others
        history = {"place": kept.url, "flush_every": "1s"}
        configure(place, bucket, root, history=history)
        (policy,) = place.json("permissions", "aws")["policies"]
        assert f"arn:aws:s3:::{bucket.name}/kept/here/*" in policy["document"]
        configure(place, bucket, bucket.aws.user(json.loads(policy["document"])), history=history)
        # when a model is trained by the command, twice, and taken back
        told = place.json("train", "metrics", "--from", str(csv), "--name", "host-web")
        assert (told["version"], told["is_current"]) == (1, True)
        place.command("train", "metrics", "--from", str(csv), "--name", "host-web")
        place.command("train", "--activate", "1", "--name", "host-web")
        assert "host-web/2/manifest.json" in bucket.files()
        assert not (place.data_dir / "models").exists()
        # then an engine uses that version
        place.up()
        assert _in_use(place) == 1
        assert place.ask("POST", "/anomaly/models/host-web/activate", {"version": 2})[0] == 200
        assert _in_use(place) == 2
        # and keeps what it measures in the other place
        _wait(lambda: any(one.startswith("day=") for one in kept.files()))
        told = {one["name"]: one for one in place.ask("GET", "/status")[1]["components"]}["history"]
        assert (told["state"], f"in {kept.url}" in told["statement"]) == ("up", True)
        # and goes on using it while S3 does not answer
        with bucket.aws.faults.cut_off():
            code, status = place.ask("GET", "/anomaly/status")
            assert (code, status["models"][0]["version"]) == (200, 2)
            assert "no answer" in status["problem"]
        assert place.down() == 0
        (place.data_dir / "history" / "owner").unlink()  # another machine, with an empty data directory
        told = place.command("train", "metrics", "--resource", "service:checkout", check=False).stderr
        assert re.search("learning from [1-9]", told), told
        # and the check says so, too
        assert "may be listed, read and written" in place.command("check").stdout


def _in_use(place: Site) -> int:
    found: list[int] = []

    def look() -> bool:
        code, status = place.ask("GET", "/anomaly/status")
        found[:] = [one["version"] for one in status["models"]] if code == 200 else []
        return bool(found) and found[0] is not None

    _wait(look)
    return found[0]


def _wait(condition: Any) -> None:
    import time

    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen within 60 s"
        time.sleep(0.2)


def test_a_place_that_no_plugin_opens_is_refused_with_the_plugin_that_does(tmp_path: Path) -> None:
    with site(tmp_path) as place:
        place.configure(detection={"model_place": "s3://bucket/models"})
        told = place.command("check", check=False)
        assert told.returncode == 3
        assert "no plugin opens s3://; add the plugin aws to plugins:" in told.stderr
        place.configure(detection={"model_place": "gs://bucket/models"})
        told = place.command("train", "--activate", "1", check=False)
        assert "no plugin opens gs://; known are: s3:// (plugin aws)" in told.stderr
