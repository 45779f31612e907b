"""Where models and history are: a folder, or an object store that a loaded plugin opens, or a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recoverops.app.load import load_settings
from recoverops.app.loaded import Loaded
from recoverops.app.places import history_objects, model_store, models_folder, opened_objects, place_problems
from recoverops.app.plugins import object_urls
from recoverops.app.settings import Settings
from recoverops.app.vault import Vault
from recoverops.model import ComponentState, ComponentStatus, MisconfiguredError, UnreachableError
from recoverops.ports import ObjectStore
from recoverops.storage.models import FolderModelStore, ObjectModelStore
from recoverops.testing.doubles import ManualClock
from recoverops.testing.objects import MemoryObjects

CLOCK = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))


class Stores:
    scheme = "s3"

    def open(self, url: str) -> ObjectStore:
        return MemoryObjects(url)


def settings_of(folder: Path, models: str = "", history: str = "") -> Settings:
    path = folder / "r.yaml"
    path.write_text(f"data_dir: data\ndetection: {{model_place: '{models}'}}\nhistory: {{place: '{history}'}}\n")
    return load_settings(path, {})


def loaded(*stores: Stores, disabled: str = "") -> Loaded:
    found = Loaded(vault=Vault.without_plugins({}, CLOCK), object_stores={one.scheme: one for one in stores})
    if disabled:
        status = ComponentStatus(
            name="plugin aws", state=ComponentState.DISABLED, statement=disabled, since=CLOCK.now()
        )
        found.statuses.append(status)
    return found


def test_without_settings_everything_stays_in_the_data_directory(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert models_folder(settings) == tmp_path / "data" / "models"
    assert isinstance(model_store(settings, loaded()), FolderModelStore)
    assert history_objects(settings, loaded()) is None
    assert (object_urls(settings), list(place_problems(settings, loaded()))) == ((), [])


def test_a_folder_is_relative_to_the_configuration(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models="../shared")
    assert models_folder(settings) == tmp_path.parent / "shared"
    assert object_urls(settings) == ()


def test_places_of_a_loaded_scheme_are_opened(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "s3://bucket/models", "s3://bucket/history")
    assert isinstance(model_store(settings, loaded(Stores())), ObjectModelStore)
    found = history_objects(settings, loaded(Stores()))
    assert found is not None
    assert found.url == "s3://bucket/history"
    assert object_urls(settings) == ("s3://bucket/models", "s3://bucket/history")
    assert list(place_problems(settings, loaded(Stores()))) == []


@pytest.mark.parametrize(
    ("models", "history"),
    [
        ("s3://bucket/a", "s3://bucket/a"),
        ("s3://bucket/a/", "s3://bucket/a/b"),
        ("s3://bucket/a/b", "s3://bucket/a"),
    ],
)
def test_one_place_in_the_other_is_refused(models: str, history: str, tmp_path: Path) -> None:
    (told,) = place_problems(settings_of(tmp_path, models, history), loaded(Stores()))
    assert "give each its own prefix" in told
    assert "r.yaml:3" in told


def test_places_side_by_side_are_fine(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "s3://bucket/a", "s3://bucket/ab")
    assert list(place_problems(settings, loaded(Stores()))) == []


def test_a_scheme_of_a_plugin_that_is_disabled_is_answered_with_its_reason(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "s3://bucket/a")
    broken = loaded(disabled="disabled, because it needs boto3")
    assert list(place_problems(settings, broken)) == []
    with pytest.raises(UnreachableError, match="plugin aws: disabled, because it needs boto3"):
        model_store(settings, broken)


def test_a_scheme_that_nobody_opens_names_those_that_are_known() -> None:
    with pytest.raises(MisconfiguredError, match=r"no plugin opens gs://; opened are: s3://; known are: s3:// \("):
        opened_objects("history.place", "gs://bucket/x", loaded(Stores()))
    with pytest.raises(MisconfiguredError, match=r"no plugin opens s3://; add the plugin aws to plugins:"):
        opened_objects("history.place", "s3://bucket/x", loaded())


def test_a_history_in_another_folder_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match=r"history\.place"):
        settings_of(tmp_path, history="/srv/history")
