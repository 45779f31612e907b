"""The pure parts of the linux plugin: processes, growth, sockets, releases, upstreams, and who may be ended."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import MisconfiguredError, PermanentError, Service, UnreachableError
from recoverops.plugins.linux.actions.free_port import Holder, Protected, ends_of, place_of
from recoverops.plugins.linux.actions.scale_workers import pattern_of
from recoverops.plugins.linux.folders import matching, opened
from recoverops.plugins.linux.procfs import Processes, Stat, command_line, parse_stat, shortened
from recoverops.plugins.linux.releases import Releases, Switch, current_of, replay
from recoverops.plugins.linux.sockets import Socket, listeners, parse
from recoverops.plugins.linux.sources.process import growth_of
from recoverops.plugins.linux.upstream import servers, shifted


def stat(pid: int, ppid: int = 1, pgrp: int = 0, start: int = 100) -> Stat:
    return Stat(pid=pid, name="x", state="S", ppid=ppid, pgrp=pgrp or pid, cpu_ticks=0, start=start, rss=0)


def test_a_name_with_spaces_and_parentheses_is_read_to_its_last_parenthesis() -> None:
    rest = "T 7 4711 7 0 -1 4194304 1 0 0 0 30 12 0 0 20 0 1 0 987654 1000 256"
    read = parse_stat(f"4711 (a) b (c)) {rest}".encode())
    assert (read.name, read.state, read.ppid, read.cpu_ticks, read.start) == ("a) b (c)", "T", 7, 42, 987654)


def test_a_tree_has_descendants_and_orphans_of_the_group_but_no_neighbours() -> None:
    picture = Processes([stat(10), stat(11, 10, 10), stat(12, 11), stat(13, 1, 10), stat(20), stat(21, 20)])
    assert {one.pid for one in picture.tree(10)} == {10, 11, 12, 13}
    assert picture.tree(10)[0].pid == 10
    assert picture.tree(99) == ()


def test_ancestors_end_at_the_top_even_in_a_circle() -> None:
    picture = Processes([stat(1, 0), stat(2, 1), stat(3, 2), stat(8, 9), stat(9, 8)])
    assert list(picture.ancestors(3)) == [3, 2, 1]
    assert list(picture.ancestors(8)) == [8, 9]


@pytest.mark.parametrize(
    ("then", "now", "is_same"),
    [
        ("web: 12 requests served", "web: 4711 requests served", True),
        ("job --run 5f0e9ac31d --parent 100", "job --run 77a1b2c3d4 --parent 200", True),
        ("python3 listener.py 8080", "python3 other.py 8080", False),
    ],
)
def test_a_stray_that_counts_in_its_title_is_the_same_and_another_program_is_not(
    then: str, now: str, is_same: bool
) -> None:
    first, second = (
        ends_of([Holder(stat=stat(7), user=1000, folder="/srv/web", command=one, told="")]) for one in (then, now)
    )
    assert (first == second) is is_same


def test_growth_is_unknown_until_the_history_is_long_enough() -> None:
    history = [(float(second), 1e6 * second) for second in range(21)]
    assert growth_of(history[:20], window_s=20) is None
    assert growth_of(history, window_s=20) == pytest.approx(1e6)


def test_a_single_jump_is_no_growth() -> None:
    history = [(float(second), 1e8 if second < 15 else 5e8) for second in range(25)]
    assert growth_of([*history[:10], (10.0, 9e8), *history[11:15]], window_s=14) == 0.0


@given(slope=st.floats(-1e7, 1e7), noise=st.lists(st.floats(-10, 10), min_size=25, max_size=25))
def test_growth_finds_a_slope_under_noise(slope: float, noise: list[float]) -> None:
    history = [(float(second), slope * second + jitter) for second, jitter in enumerate(noise)]
    assert growth_of(history, window_s=20) == pytest.approx(slope, abs=21)


def test_listening_sockets_are_read_from_the_kernels_tables() -> None:
    four = parse("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4242 1 0")
    assert (str(four.address), four.port, four.is_listening, four.inode) == ("127.0.0.1", 8080, True, 4242)
    six = parse("   0: 00000000000000000000000001000000:1F90 0:0 0A 0:0 00:0 0  0 0 7 1 0")
    assert str(six.address) == "::1"
    mapped = parse("   0: 0000000000000000FFFF00000100007F:1F90 0:0 01 0:0 00:0 0  0 0 7 1 0")
    assert (str(mapped.address), mapped.is_listening) == ("127.0.0.1", False)


@pytest.mark.parametrize(
    ("address", "is_in_the_way"), [("127.0.0.1", True), ("0.0.0.0", True), ("::", True), ("127.0.0.2", False)]
)
def test_only_who_listens_there_or_everywhere_is_in_the_way(address: str, is_in_the_way: bool) -> None:
    one = Socket(ipaddress.ip_address(address), 8080, "LISTEN", 1)
    assert bool(listeners(8080, "127.0.0.1", [one])) is is_in_the_way
    assert not listeners(8081, "127.0.0.1", [one])


PROTECTED = Protected(
    pids={1: "the first process of the system", 70: "part of the service cart"}, folders=("/srv/shop",)
)


def holder(pid: int, *, user: int = 1000, folder: str = "/home/ann") -> Holder:
    return Holder(stat=stat(pid), user=user, folder=folder, command="python", told=f"pid {pid}")


@pytest.mark.parametrize(
    ("one", "refusal"),
    [
        (holder(500), None),
        (holder(1), "the first process"),
        (holder(70), "part of the service cart"),
        (holder(500, user=0), "system account"),
        (holder(500, user=105, folder="/var/lib/postgresql"), "system account"),
        (holder(500, user=0, folder=""), "an unknown folder"),
        (holder(500, user=0, folder="/srv/shop/old"), None),
        (holder(500, user=0, folder="/srv/shop"), None),
        (holder(500, user=0, folder="/srv/shopping"), "system account"),
        (holder(70, user=0, folder="/srv/shop"), "part of the service cart"),
    ],
)
def test_who_may_be_ended_for_a_port(one: Holder, refusal: str | None) -> None:
    said = PROTECTED.refusal(one)
    assert said is None if refusal is None else refusal in (said or "")


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/", "http://127.0.0.1:99999/", "nothing"])
def test_an_http_address_without_a_port_is_named(address: str) -> None:
    with pytest.raises(MisconfiguredError, match="names no port"):
        place_of(Service(name="checkout", group="shop", address={"http": address}))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("worker", ("worker", "*")), ("worker:*", ("worker", "*")), ("worker:mail_*", ("worker", "mail_*"))],
)
def test_the_group_of_workers_is_read(address: str, expected: tuple[str, str]) -> None:
    assert pattern_of(Service(name="w", group="w", address={"workers": address})) == expected


@pytest.mark.parametrize("address", ["*", "-w:*", "w:", "w:[ab]", "a:b:c", "w:a*b"])
def test_a_group_of_workers_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(MisconfiguredError, match=r"is not like|has no address"):
        pattern_of(Service(name="w", group="w", address={"workers": address}))


def history(*steps: str) -> tuple[Switch, ...]:
    return tuple(
        Switch(step.rstrip("su"), "", {"s": "switched", "u": "undone"}.get(step[-1], "seen")) for step in steps
    )


@pytest.mark.parametrize(
    ("steps", "current", "previous"),
    [
        (("1", "2"), "2", "1"),
        (("1", "2", "3"), "3", "2"),
        (("1", "2", "3", "2s"), "2", "1"),  # we left 3: never forward to it again
        (("1", "2", "3", "2"), "2", "1"),  # a person left it: neither
        (("1", "2", "1s", "2u"), "2", "1"),  # our switch was undone: 1 is still there
        (("1", "2", "1s", "2"), "2", "1"),  # somebody tries 2 once more
        (("1", "2", "1s", "3"), "3", "1"),
        (("1", "2", "1s"), "1", None),
    ],
)
def test_the_previous_release_is_the_last_good_one(
    tmp_path: Path, steps: tuple[str, ...], current: str, previous: str | None
) -> None:
    abandoned, order = replay(history(*steps))
    good = [name for name in reversed(order) if name != current and name not in abandoned]
    assert (good[0] if good else None) == previous


def test_a_link_that_leads_out_of_the_releases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "releases" / "1").mkdir(parents=True)
    (tmp_path / "elsewhere" / "2").mkdir(parents=True)
    link, releases = tmp_path / "current", Releases("releases")
    for target in ("elsewhere/2", "releases/../elsewhere/2", "/etc", "releases/1/..", "releases"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(PermanentError, match="does not lie in"):
            releases.checked(current_of(link))
    (tmp_path / "releases" / "3").symlink_to(tmp_path / "elsewhere" / "2")
    for name in ("3", "..", "", "a/b", "4"):
        with pytest.raises(PermanentError, match="no release to switch to"):
            releases.directory(link, name)


def test_without_a_history_the_newest_release_from_before_the_link_is_the_previous_one(tmp_path: Path) -> None:
    folder, link = tmp_path / "releases", tmp_path / "current"
    for name in ("1", "2", "3", ".tmp-upload"):
        (folder / name).mkdir(parents=True)
    time.sleep(0.05)  # a file system's clock ticks every few milliseconds
    link.symlink_to("releases/3")
    time.sleep(0.05)
    (folder / "4").mkdir()
    os.utime(folder / "4", (1000, 1000))  # the next release, unpacked with the time of its build
    assert Releases("releases").previous(current_of(link)) == "2"
    for name in ("1", "2"):
        (folder / name / "touched").mkdir()
    assert Releases("releases").previous(current_of(link)) is None  # a person knows better


UPSTREAM = """upstream shop {
    # server 10.0.0.1:1;
    server 127.0.0.1:8081 weight=2;
    server 127.0.0.1:8082; # the second
    server 127.0.0.1:8083 backup;
}
upstream one { server 127.0.0.1:9000; }
server { listen 80; }
"""


def test_servers_are_found_in_upstreams_and_not_in_comments() -> None:
    assert [(one.upstream, one.address) for one in servers(UPSTREAM)] == [
        ("shop", "127.0.0.1:8081"), ("shop", "127.0.0.1:8082"), ("shop", "127.0.0.1:8083"), ("one", "127.0.0.1:9000"),
    ]  # fmt: skip


@pytest.mark.parametrize("backend", ["127.0.0.1:8081", "127.0.0.1:8082"])
def test_a_backend_that_goes_and_comes_back_leaves_every_byte_as_it_was(backend: str) -> None:
    away = shifted(UPSTREAM, backend, away=True, file="f")
    assert [one.address for one in servers(away) if one.is_down] == [backend]
    assert shifted(away, backend, away=False, file="f") == UPSTREAM


@pytest.mark.parametrize(
    ("backend", "away", "complaint"),
    [
        ("127.0.0.1:9000", True, "the last server of upstream one"),
        ("127.0.0.1:1", True, "has no server 127.0.0.1:1"),
        ("10.0.0.1:1", True, "has no server"),
        ("127.0.0.1:8081", False, "is up in f already"),
    ],
)
def test_a_shift_that_cannot_be_is_refused(backend: str, away: bool, complaint: str) -> None:
    with pytest.raises(PermanentError, match=complaint):
        shifted(UPSTREAM, backend, away=away, file="f")


def test_the_last_one_that_is_up_stays_even_if_others_are_listed() -> None:
    away = shifted(UPSTREAM, "127.0.0.1:8081", away=True, file="f")
    with pytest.raises(PermanentError, match="last server of upstream shop"):
        shifted(away, "127.0.0.1:8082", away=True, file="f")


def test_a_folder_is_never_reached_through_a_link_and_links_in_it_are_not_seen(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.txt").write_text("a")
    (real / "link.txt").symlink_to(real / "a.txt")
    (real / "first.txt").write_text("two names")
    (real / "second.txt").hardlink_to(real / "first.txt")
    (real / "folder.txt").mkdir()
    (tmp_path / "alias").symlink_to(real)
    with opened(str(real)) as folder:
        assert [one.name for one in matching(folder, "*.txt")] == ["a.txt"]
    for path in (tmp_path / "alias", tmp_path / "alias" / "folder.txt"):
        with pytest.raises(PermanentError, match="is a link or no folder"), opened(str(path)):
            pytest.fail("it was entered")
    with pytest.raises(UnreachableError, match="does not exist"), opened(str(tmp_path / "none")):
        pytest.fail("it was entered")


def test_a_long_command_line_loses_its_middle_and_keeps_the_program_that_it_runs() -> None:
    told = shortened(f"/opt/{'deep/' * 40}python /srv/shop/backend.py", 120)
    assert len(told) == 120
    assert told.startswith("/opt/deep/")
    assert told.endswith("python /srv/shop/backend.py")
    assert shortened("short", 120) == "short"


def test_a_secret_on_a_command_line_is_hidden_before_the_cut_could_part_it_from_its_name() -> None:
    secret = "s3cr3t" * 30
    program = subprocess.Popen([sys.executable, "-c", "input()", f"--password={secret}"], stdin=subprocess.PIPE)
    try:
        told = command_line(program.pid)
    finally:
        program.communicate()
    assert "s3cr3t" not in told
