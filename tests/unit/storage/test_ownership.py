"""What `sudo recoverops ...` leaves in the data directory is the engine's. Real processes of two users."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recoverops.storage.durable_file import write_durably
from recoverops.storage.ownership import make_empty, make_folder, opened_or_made

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")

READ_AND_CLEAR = """
import os, sys
from pathlib import Path
from recoverops.clock import SystemClock
from recoverops.storage import STOP_FILE, StopFile
os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
switch = StopFile(Path(sys.argv[1]) / STOP_FILE, clock=SystemClock())
seen = switch.read()
print(seen.reason)
switch.clear(seen)
"""


@pytest.fixture
def engine_user() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@pytest.fixture
def data_dir(engine_user: pwd.struct_passwd) -> Iterator[Path]:
    """Of an engine that runs as a user of its own; not below the directory of the tests, which is root's alone."""
    home = Path(tempfile.mkdtemp(prefix="recoverops-ownership-"))
    home.chmod(0o755)
    made = home / "data"
    made.mkdir(mode=0o700)
    os.chown(made, engine_user.pw_uid, engine_user.pw_gid)
    (home / "recoverops.yaml").write_text("data_dir: data\nservices: [{name: checkout}]\n")
    yield made
    shutil.rmtree(home)


def run(data_dir: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "recoverops", *arguments, "--config", str(data_dir.parent / "recoverops.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def read_and_clear(data_dir: Path, user: pwd.struct_passwd) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", READ_AND_CLEAR, str(data_dir), str(user.pw_uid), str(user.pw_gid)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@as_root
def test_a_stop_that_root_made_is_read_and_lifted_by_the_engines_user(
    data_dir: Path, engine_user: pwd.struct_passwd
) -> None:
    run(data_dir, "stop", "--reason", "by root")
    done = read_and_clear(data_dir, engine_user)
    assert done.stdout == "by root\n", done.stderr
    assert list(data_dir.iterdir()) == []


@as_root
def test_a_stop_that_is_another_users_all_the_same_says_whose_and_who_resumes(
    data_dir: Path, engine_user: pwd.struct_passwd
) -> None:
    run(data_dir, "stop")
    os.chown(data_dir / "EMERGENCY_STOP", 0, 0)
    done = read_and_clear(data_dir, engine_user)
    assert done.returncode != 0
    assert "it was made by another user (uid 0); resume as that user or as root" in done.stderr


@as_root
def test_all_that_a_command_of_root_leaves_is_the_engines(data_dir: Path, engine_user: pwd.struct_passwd) -> None:
    program = (
        "import sys; from pathlib import Path; from recoverops.clock import SystemClock; "
        "from recoverops.storage import StorageSettings, open_store; "
        "store = open_store(StorageSettings(), data_dir=Path(sys.argv[1]), clock=SystemClock()); "
        "store.write(lambda tx: None); print(*sorted(one.name for one in Path(sys.argv[1]).iterdir() "
        f"if one.stat().st_uid != {engine_user.pw_uid})); store.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_dir)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
    # and beside a store that is there already
    run(data_dir, "run", "restart-service", "checkout")
    run(data_dir, "stop")
    run(data_dir, "audit", "verify")
    assert {one.name for one in data_dir.iterdir() if one.stat().st_uid != engine_user.pw_uid} == set()


def test_only_what_root_makes_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _, uid, gid: given.append((uid, gid)))
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)

    def make_all(folder: Path) -> None:
        make_folder(folder / "deep")
        write_durably(folder / "file", b"x")
        make_empty(folder / "empty")
        for _ in range(2):
            os.close(opened_or_made(folder / "lock", os.O_RDWR))

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    make_all(tmp_path / "a")
    assert given == []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    make_all(tmp_path / "b")
    assert given == [owner] * 5
    assert (tmp_path / "b" / "file").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """To whom something was handed over, by what thinks that it is root."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _, uid, gid: given.append((uid, gid)))
    return given


def test_a_folder_that_appears_in_between_is_not_handed_over(
    tmp_path: Path, given: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, looked = tmp_path / "models", Path.is_dir

    def made_after_the_look(path: Path) -> bool:
        is_there = looked(path)
        if path == folder and not is_there:
            folder.mkdir()
        return is_there

    monkeypatch.setattr(Path, "is_dir", made_after_the_look)
    make_folder(folder)
    assert (folder.exists(), given) == (True, [])


def test_a_folder_that_was_exchanged_for_one_with_something_in_it_is_not_handed_over(
    tmp_path: Path, given: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, make = tmp_path / "models", os.mkdir
    (tmp_path / "secret" / "deep").mkdir(parents=True)

    def made_and_exchanged(name: str | Path, mode: int, *, dir_fd: int | None = None) -> None:
        make(name, mode, dir_fd=dir_fd)
        (tmp_path / "secret").rename(folder)

    monkeypatch.setattr(os, "mkdir", made_and_exchanged)
    make_folder(folder)
    assert ((folder / "deep").exists(), given) == (True, [])


def test_a_file_stays_in_the_directory_that_was_opened_and_goes_to_its_owner(
    tmp_path: Path, given: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, aside, elsewhere = tmp_path / "data", tmp_path / "aside", tmp_path / "elsewhere"
    directory.mkdir()
    elsewhere.mkdir()
    owner, opened = (directory.stat().st_uid, directory.stat().st_gid), os.open

    def made_and_exchanged(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        descriptor = opened(path, flags, mode, dir_fd=dir_fd)
        if flags & os.O_CREAT and not aside.exists():
            directory.rename(aside)
            directory.symlink_to(elsewhere)
        return descriptor

    monkeypatch.setattr(os, "open", made_and_exchanged)
    write_durably(directory / "file", b"x")
    assert ((aside / "file").read_bytes(), list(elsewhere.iterdir()), given) == (b"x", [], [owner])


def test_a_link_that_leads_to_the_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "models").symlink_to("disk")
    make_folder(tmp_path / "models" / "deep")
    write_durably(tmp_path / "models" / "deep" / "file", b"x")
    assert (tmp_path / "disk" / "deep" / "file").read_bytes() == b"x"
    (tmp_path / "models" / "taken").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "models" / "taken")
