"""What is shown, live and as plain lines."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from recoverops.lab.events import (
    DemoEvent,
    Finished,
    Phase,
    PhaseBegan,
    PolicyShown,
    RequestsEnded,
    ScenarioEnded,
    StationsReached,
    Told,
)
from recoverops.lab.figures import DemoResult, Kept, Scenario, Station, Traffic
from recoverops.lab.lines import Lines
from recoverops.lab.picture import CELL, CELLS, Cell, Picture, cells
from recoverops.lab.policy import deviations
from recoverops.lab.traffic import Request
from recoverops.model import IncidentKind

DEVIATIONS = deviations([IncidentKind.SERVICE_DOWN], has_small_disk=False)
NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def request(n: int, *, ago_s: float, ok: bool = True) -> Request:
    return Request(n=n, sent_at=NOW - timedelta(seconds=ago_s), ok=ok, latency_s=0.01, error="" if ok else "refused")


SCENARIO = Scenario(
    fault="crash",
    detected_s=1.5,
    cause="service_down",
    cause_expected="service_down",
    runbook="restart-service",
    actions=("restart-service",),
    verified=True,
    recovered_s=3.25,
    resolved_s=8.0,
    service="payments",
    service_starts=1,
    failed_requests=60,
    statement="healed",
)


def finished(*, verified: bool = True, kept: Kept | None = None) -> Finished:
    scenario = dataclasses.replace(SCENARIO, verified=verified)
    return Finished(
        result=DemoResult(
            scenarios=(scenario,),
            false_actions=0,
            policy=DEVIATIONS,
            traffic=Traffic(sent=300, failed=60),
            statement="gave up after 60 s: it was not healed",
            kept=kept,
        )
    )


EVENTS: tuple[DemoEvent, ...] = (
    PolicyShown(deviations=DEVIATIONS),
    PhaseBegan(phase=Phase.FAULT, at=NOW - timedelta(seconds=2), text="checkout is broken"),
    RequestsEnded(requests=(request(1, ago_s=2.2), request(2, ago_s=1.7, ok=False)), now=NOW),
    StationsReached(since_fault_s={Station.DETECT: 1.5}),
    Told(who="RecoverOps", at=NOW, since_fault_s=1.5, text="opened: checkout is down"),
)


def lines_of(*events: DemoEvent) -> str:
    out = io.StringIO()
    lines = Lines(out)
    for event in events:
        lines(event)
    return out.getvalue()


def drawn(*events: DemoEvent) -> str:
    out = io.StringIO()
    console = Console(file=out, width=120, height=60, force_terminal=True, color_system=None)
    with Picture(console) as picture:
        for event in events:
            picture(event)
    return out.getvalue()


def test_the_newest_requests_stand_at_the_end_of_the_strip() -> None:
    strip = cells([request(1, ago_s=0.7), request(2, ago_s=0.1, ok=False)], now=NOW)

    assert len(strip) == CELLS
    assert strip[-3:] == (Cell.NONE, Cell.SERVED, Cell.FAILED)


def test_one_failed_request_marks_its_cell_whatever_the_others_did() -> None:
    strip = cells([request(1, ago_s=0.1, ok=False), request(2, ago_s=0.05)], now=NOW)

    assert strip[-1] is Cell.FAILED


def test_requests_older_than_the_strip_are_left_out() -> None:
    whole_s = CELLS * CELL.total_seconds()

    strip = cells([request(1, ago_s=whole_s + 0.1), request(2, ago_s=whole_s - 0.1)], now=NOW)

    assert strip[0] is Cell.SERVED
    assert set(strip[1:]) == {Cell.NONE}


def test_the_picture_shows_policy_requests_loop_and_story() -> None:
    picture = drawn(*EVENTS)

    assert "decision.mode" in picture
    assert "█" in picture
    assert "×" in picture
    assert "▲ fault" in picture
    assert "● detect" in picture
    assert "○ diagnose" in picture
    assert "+1.50 s" in picture
    assert "RecoverOps: opened: checkout is down" in picture


def test_while_it_runs_the_picture_fits_a_terminal_of_80_by_24() -> None:
    story = tuple(Told(who="RecoverOps", at=NOW, since_fault_s=1.5, text="a long line " * 20) for _ in range(20))
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, color_system=None)
    with Picture(console) as picture:
        for event in (*EVENTS, *story):
            picture(event)

        assert len(console.render_lines(picture.draw())) <= 23


def test_the_picture_ends_with_the_measured_figures() -> None:
    picture = drawn(*EVENTS, finished())

    assert "3.25 s" in picture
    assert "HEALED" in picture
    assert "NOT HEALED" not in picture


def test_plain_lines_name_each_deviation_beside_its_default() -> None:
    text = lines_of(PolicyShown(deviations=DEVIATIONS))

    assert "decision.mode = act (default ask)" in text


def test_plain_lines_tell_of_customers_when_one_page_begins_to_fail_and_when_none_fails_any_more() -> None:
    """Even numbers browse, odd ones buy."""
    outcomes = "..x.xx.xx.."
    requests = (request(n, ago_s=10 - n, ok=one == ".") for n, one in enumerate(outcomes))
    events = [RequestsEnded(requests=(one,), now=NOW) for one in requests]

    assert [line.strip() for line in lines_of(*events).splitlines()] == [
        "customers: request 2 failed: refused",
        "customers: request 10 served",
    ]


def test_plain_lines_tell_each_station_once_and_when_it_was_reached() -> None:
    text = lines_of(*EVENTS[-2:], StationsReached(since_fault_s={Station.DETECT: 1.5, Station.ACT: 2.75}))

    assert text.splitlines() == [
        "[  +1.50 s] loop: detect",
        "[  +1.50 s] RecoverOps: opened: checkout is down",
        "[  +2.75 s] loop: act",
    ]


def test_each_scenario_has_its_own_strip_of_stations_and_stays_in_the_list_of_those_done() -> None:
    second = PhaseBegan(phase=Phase.FAULT, at=NOW, text="orders is broken")
    text = lines_of(*EVENTS[3:], ScenarioEnded(scenario=SCENARIO), second, *EVENTS[3:4])
    console = Console(file=io.StringIO(), width=120, height=60, force_terminal=True, color_system=None)
    with Picture(console) as picture:
        for event in (*EVENTS, ScenarioEnded(scenario=SCENARIO), second):
            picture(event)
        with console.capture() as captured:
            console.print(picture.draw())

    assert text.count("loop: detect") == 2
    assert "served again after     3.25 s" in text
    assert "done: crash healed" in captured.get()
    assert "○ detect" in captured.get()
    assert "opened: checkout is down" not in captured.get()


def test_a_wrong_cause_stands_beside_the_right_one() -> None:
    wrong = dataclasses.replace(SCENARIO, cause="high_cpu")
    result = dataclasses.replace(finished().result, scenarios=(wrong, SCENARIO))

    assert "high_cpu (right: service_down)" in lines_of(Finished(result=result))


def test_the_end_says_healed_only_when_it_was_verified() -> None:
    assert lines_of(finished()).splitlines()[-1] == "HEALED"
    assert lines_of(finished(verified=False)).splitlines()[-1] == "NOT HEALED: gave up after 60 s: it was not healed"


def test_what_was_kept_is_shown_with_the_command_that_ends_it() -> None:
    kept = Kept(pid=4242, url="http://127.0.0.1:18765", admin_key="/tmp/x/admin.key", directory="/tmp/x")

    assert "kill 4242" in lines_of(finished(kept=kept))
    assert "kill 4242" in drawn(finished(kept=kept))
