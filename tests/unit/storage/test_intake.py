"""The writer thread of the intake survives whatever a group does to it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from recoverops.model import Admission, OverloadedError, PermanentError
from recoverops.storage.intake import IntakeWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Records

    from recoverops.model import Alert

SOON = timedelta(seconds=10)


def test_an_unexpected_failure_is_told_to_its_own_group_and_the_next_one_is_written(a: Records) -> None:
    failing = [ZeroDivisionError("a defect")]

    def write(deliveries: Sequence[Sequence[Alert]]) -> list[Admission]:
        if failing:
            raise failing.pop()
        return [Admission(stored=len(delivery), duplicates=0) for delivery in deliveries]

    intake = IntakeWriter(write, queue_bytes=1000, group=10)
    with pytest.raises(ZeroDivisionError):
        intake.admit([a.alert()], size=1).result(timeout=10)
    assert intake.admit([a.alert()], size=1).result(timeout=10).stored == 1
    assert intake.close(timeout=SOON)


def test_one_bad_delivery_fails_alone_and_those_beside_it_are_written(a: Records) -> None:
    begun, go, groups = threading.Event(), threading.Event(), list[list[str]]()

    def write(deliveries: Sequence[Sequence[Alert]]) -> list[Admission]:
        begun.set()
        assert go.wait(timeout=10)
        groups.append([delivery[0].fingerprint for delivery in deliveries])
        if "bad" in groups[-1]:
            raise PermanentError("bad is none that can be stored")
        return [Admission(stored=1, duplicates=0) for _ in deliveries]

    intake = IntakeWriter(write, queue_bytes=1000, group=10)
    intake.admit([a.alert("first")], size=1)
    assert begun.wait(timeout=10)
    waiting = {name: intake.admit([a.alert(name)], size=1) for name in ("good", "bad", "fine")}
    go.set()
    assert [waiting[name].result(timeout=10).stored for name in ("good", "fine")] == [1, 1]
    with pytest.raises(PermanentError, match="bad is none"):
        waiting["bad"].result(timeout=10)
    assert groups == [["first"], ["good", "bad", "fine"], ["good"], ["bad"], ["fine"]]
    assert intake.close(timeout=SOON)


def test_what_can_be_repeated_is_not_written_one_by_one(a: Records) -> None:
    begun, go, sizes = threading.Event(), threading.Event(), list[int]()

    def write(deliveries: Sequence[Sequence[Alert]]) -> list[Admission]:
        begun.set()
        assert go.wait(timeout=10)
        sizes.append(len(deliveries))
        raise OverloadedError("the disk is full")

    intake = IntakeWriter(write, queue_bytes=1000, group=10)
    intake.admit([a.alert("first")], size=1)
    assert begun.wait(timeout=10)
    for name in ("second", "third"):
        intake.admit([a.alert(name)], size=1)
    go.set()
    assert intake.close(timeout=SOON)
    assert sizes == [1, 2]


def test_a_group_has_at_most_its_size_and_keeps_the_order(a: Records) -> None:
    groups: list[list[str]] = []
    go = threading.Event()

    def write(deliveries: Sequence[Sequence[Alert]]) -> list[Admission]:
        assert go.wait(timeout=10)
        groups.append([delivery[0].fingerprint for delivery in deliveries])
        return [Admission(stored=1, duplicates=0) for _ in deliveries]

    intake = IntakeWriter(write, queue_bytes=1000, group=3)
    for number in range(8):
        intake.admit([a.alert(str(number))], size=1)
    go.set()
    assert intake.close(timeout=SOON)

    assert [name for group in groups for name in group] == [str(number) for number in range(8)]
    assert max(len(group) for group in groups) == 3


def test_one_delivery_larger_than_the_queue_is_taken_when_nothing_waits(a: Records) -> None:
    intake = IntakeWriter(lambda group: [Admission(stored=1, duplicates=0) for _ in group], queue_bytes=10, group=3)
    assert intake.admit([a.alert()], size=50).result(timeout=10).stored == 1
    assert intake.close(timeout=SOON)


def test_closing_does_not_wait_for_ever_for_a_stalled_disk(a: Records) -> None:
    stalled = threading.Event()

    def write(deliveries: Sequence[Sequence[Alert]]) -> list[Admission]:
        stalled.wait(timeout=30)
        return [Admission(stored=1, duplicates=0) for _ in deliveries]

    intake = IntakeWriter(write, queue_bytes=1000, group=3)
    late = intake.admit([a.alert()], size=1)
    assert not intake.close(timeout=timedelta(milliseconds=20))
    stalled.set()
    assert late.result(timeout=10).stored == 1
