"""`recoverops check`: is this configuration right, and is what it names there? Starts nothing, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from recoverops.api.keyring import Keyring, Principal
from recoverops.app.admin_key import known_admin_key
from recoverops.app.api_keys import ADMIN
from recoverops.app.crosscheck import check_names
from recoverops.app.door import why_not_bound
from recoverops.app.doubts import doubts
from recoverops.app.listening import addresses_of
from recoverops.app.loaded import Loaded
from recoverops.app.plugins import load_plugins
from recoverops.app.settings import Settings
from recoverops.app.store_address import with_store_address
from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError, Record, RecoverOpsError
from recoverops.ports import Doubt
from recoverops.redact import redact
from recoverops.storage import SQLITE_FILE, StoreLook, another_owner, look_at_store, why_not_writable

WARNING = "warning"
"""What a finding is about that nothing fails for."""


class Finding(Record, frozen=True, kw_only=True):
    what: str
    is_fine: bool
    statement: str

    @property
    def is_warning(self) -> bool:
        return self.what == WARNING


def check_up(settings: Settings) -> tuple[Finding, ...]:
    """Raises MisconfiguredError for what is wrong in the files; what is not reachable is a finding."""
    loaded = load_plugins(settings, SystemClock())
    check_names(settings, loaded)
    sources, measured = _sources(loaded)
    return (
        Finding(
            what="configuration",
            is_fine=True,
            statement=f"{_file(settings)}: {len(settings.inventory.services)} services, "
            f"{len(settings.rules.rules)} rules, "
            f"{len(settings.runbooks)} runbooks, mode {settings.decision.mode}",
        ),
        *_profile(settings),
        *(
            Finding(what=WARNING, is_fine=True, statement=told)
            for told in (*settings.warnings, *doubts(settings, loaded, measured=measured))
        ),
        *_data_dir(settings),
        *_address(settings),
        *(_keys(settings, loaded)),
        *_store(settings, loaded),
        *(
            Finding(what=one.name, is_fine=one not in loaded.disabled, statement=one.statement)
            for one in loaded.statuses
        ),
        *sources,
        *_streams(loaded),
        *_switches(loaded),
        *_live(loaded),
    )


def _file(settings: Settings) -> str:
    return (
        str(settings.path)
        if settings.path
        else "no file is named and there is no recoverops.yaml here, so the defaults"
    )


def _data_dir(settings: Settings) -> Iterable[Finding]:
    why, owner = why_not_writable(settings.data_dir), another_owner(settings.data_dir)
    if why is not None and owner is not None and owner != 0:  # root's is a slip: engines run as a user of their own
        told = (
            f"{settings.data_dir} belongs to uid {owner}, so only that user can tell whether an engine may write there"
        )
        yield Finding(what=WARNING, is_fine=True, statement=told)
    elif why is not None:
        yield Finding(what="data_dir", is_fine=False, statement=f"{settings.data_dir} cannot be used: {why}")


def _profile(settings: Settings) -> Iterable[Finding]:
    if settings.profile is None:
        return
    told = f"{settings.profile} decides {', '.join(settings.from_profile) or 'nothing'}"
    if settings.over_profile:
        told += f"; overruled by the file or a variable: {', '.join(settings.over_profile)}"
    yield Finding(what="profile", is_fine=True, statement=told)


def _keys(settings: Settings, loaded: Loaded) -> Iterable[Finding]:
    keyring = Keyring()
    try:
        admin = known_admin_key(settings.data_dir)
        if admin is not None:
            keyring.add(admin, ADMIN)
    except MisconfiguredError as error:
        yield Finding(what=f"key {ADMIN.name}", is_fine=False, statement=str(error))
    except OSError:  # only its owner can read it, which `_data_dir` has said
        pass
    for one in settings.api.keys:
        try:
            keyring.add(loaded.vault.resolve(one.key), Principal(name=one.name, role=one.role))
        except RecoverOpsError as error:
            yield Finding(what=f"key {one.name}", is_fine=False, statement=str(error))


def _address(settings: Settings) -> Iterable[Finding]:
    """That the port is in use says nothing: an engine may run beside this command."""
    host, port = settings.api.host, settings.api.port
    try:
        addresses_of(host, port)
    except (OSError, UnicodeError) as error:
        yield Finding(what="api.host", is_fine=False, statement=str(why_not_bound(host, port, error)))


def _store(settings: Settings, loaded: Loaded) -> Iterable[Finding]:
    try:
        storage = with_store_address(settings, loaded.vault).storage
    except RecoverOpsError as error:
        yield Finding(what="storage.url", is_fine=False, statement=redact(str(error)))
        return
    kind = "PostgreSQL" if storage.url.get_secret_value().strip() else str(settings.data_dir / SQLITE_FILE)
    try:
        look = look_at_store(storage, data_dir=settings.data_dir)
    except RecoverOpsError as error:
        if kind == "PostgreSQL" or another_owner(settings.data_dir) is None:
            yield Finding(what="store", is_fine=False, statement=redact(f"{kind}: {error}"))
    except OSError:  # only its owner can see it, which `_data_dir` has said
        pass
    else:
        what = WARNING if look is StoreLook.UNSEEN else "store"
        yield Finding(what=what, is_fine=True, statement=f"{kind}: {_LOOKS[look]}")


_LOOKS = {
    StoreLook.NONE_YET: "there is no database of RecoverOps yet; the first start makes it",
    StoreLook.CURRENT: "can be read, and has the schema of this release",
    StoreLook.OLDER: "can be read, and has the schema of an earlier release; the next start upgrades it",
    StoreLook.UNSEEN: "was not looked at: it was not closed, and reading it would write; the next start recovers it",
}


def _streams(loaded: Loaded) -> Iterable[Finding]:
    for name, source in loaded.streams.items():
        try:
            ready = source.parts(()).ready
        except Exception as error:  # noqa: BLE001 - a plugin call: its failure is what is asked for
            yield Finding(what=f"stream {name}", is_fine=False, statement=redact(str(error) or type(error).__name__))
        else:
            yield Finding(what=f"stream {name}", is_fine=True, statement=f"answers with {len(ready)} parts to read")


def _sources(loaded: Loaded) -> tuple[tuple[Finding, ...], frozenset[str]]:
    """What each says, and the metrics that they measured."""
    found: list[Finding] = []
    measured: set[str] = set()
    for name, source in loaded.sources.items():
        try:
            samples = source.poll()
        except RecoverOpsError as error:
            found.append(Finding(what=f"source {name}", is_fine=False, statement=redact(str(error))))
            continue
        found.append(Finding(what=f"source {name}", is_fine=True, statement=f"answers, {len(samples)} samples"))
        measured.update(sample.metric for sample in samples)
    return tuple(found), frozenset(measured)


def _switches(loaded: Loaded) -> Iterable[Finding]:
    for switch in loaded.cautions:
        try:
            demand = switch.look()
        except RecoverOpsError as error:
            told = f"demands approval of every action, because it cannot be read: {redact(str(error))}"
            yield Finding(what=f"switch {switch.name}", is_fine=False, statement=told)
            continue
        told = f"demands approval of every action: {demand.statement}" if demand.is_made else demand.statement
        yield Finding(what=f"switch {switch.name}", is_fine=True, statement=told)


def _live(loaded: Loaded) -> Iterable[Finding]:
    for check in loaded.checks:
        try:
            told = check.look()
        except RecoverOpsError as error:
            yield Finding(what=check.name, is_fine=False, statement=redact(str(error)))
            continue
        if isinstance(told, Doubt):
            yield Finding(what=WARNING, is_fine=True, statement=redact(f"{check.name}: {told}"))
        else:
            yield Finding(what=check.name, is_fine=True, statement=redact(told))
