"""Where models and history are: a folder, or an object store that a plugin opens. Called when they are opened.

`s3://bucket/prefix` needs a plugin, so plugins are built before models and history are opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recoverops.app.files import MODELS_FOLDER
from recoverops.app.loaded import Loaded
from recoverops.app.settings import Settings
from recoverops.model import MisconfiguredError, UnreachableError
from recoverops.ports import ModelStore, ObjectStore
from recoverops.ports.objects import scheme_of

MODELS, HISTORY = "detection.model_place", "history.place"
BUNDLED = {"s3": "aws"}
"""Scheme -> the plugin that comes with RecoverOps and opens it."""


def model_store(settings: Settings, loaded: Loaded) -> ModelStore:
    """Raises what `opened_objects` raises."""
    from recoverops.storage.models import FolderModelStore, ObjectModelStore

    if scheme_of(settings.detection.model_place):
        return ObjectModelStore(opened_objects(MODELS, settings.detection.model_place, loaded))
    return FolderModelStore(models_folder(settings))


def models_folder(settings: Settings) -> Path:
    """Relative to the configuration's file, as every path in it."""
    if not settings.detection.model_place:
        return settings.data_dir / MODELS_FOLDER
    return ((settings.path.parent if settings.path else Path()) / settings.detection.model_place).resolve()


def history_objects(settings: Settings, loaded: Loaded) -> ObjectStore | None:
    """None when the history stays in the data directory."""
    return opened_objects(HISTORY, settings.history.place, loaded) if settings.history.place else None


def opened_objects(setting: str, url: str, loaded: Loaded) -> ObjectStore:
    """Raises MisconfiguredError when nobody opens it, UnreachableError while a disabled plugin might."""
    stores = loaded.object_stores.get(scheme_of(url))
    if stores is not None:
        return stores.open(url)
    if loaded.disabled:
        raise UnreachableError(f"{setting}: {url} cannot be opened: {'; '.join(_told(loaded))}")
    raise MisconfiguredError(f"{setting} is {url}{_nobody(scheme_of(url), loaded)}")


def place_problems(settings: Settings, loaded: Loaded) -> Iterator[str]:
    """What is wrong with them, found out without asking anybody."""
    history, models = settings.history.place.rstrip("/"), settings.detection.model_place.rstrip("/")
    for setting, url in ((MODELS, models), (HISTORY, history)):
        if scheme_of(url) and scheme_of(url) not in loaded.object_stores and not loaded.disabled:
            place = settings.configuration.place(setting)
            yield f"{place}: {setting} is {url}{_nobody(scheme_of(url), loaded)}"
    if history and models and (f"{history}/".startswith(f"{models}/") or f"{models}/".startswith(f"{history}/")):
        place = settings.configuration.place(HISTORY)
        yield f"{place}: {HISTORY} is {history} and {MODELS} is {models}, one in the other; give each its own prefix"


def _nobody(scheme: str, loaded: Loaded) -> str:
    told = f", and no plugin opens {scheme}://; opened are: {', '.join(f'{one}://' for one in loaded.object_stores)}"
    if not loaded.object_stores:
        told = f", and no plugin opens {scheme}://"
    if scheme in BUNDLED:
        return f"{told}; add the plugin {BUNDLED[scheme]} to plugins:"
    return f"{told}; known are: {', '.join(f'{one}:// (plugin {plugin})' for one, plugin in BUNDLED.items())}"


def _told(loaded: Loaded) -> Iterator[str]:
    return (f"{one.name}: {one.statement}" for one in loaded.disabled)
