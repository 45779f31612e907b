"""The fair queue for SQLite's writer."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING

from recoverops.storage.turn import WriteTurn

if TYPE_CHECKING:
    from collections.abc import Callable

    Eventually = Callable[[Callable[[], bool]], None]


def waiting(turn: WriteTurn) -> int:
    return turn.waiting


def test_turns_are_given_in_the_order_of_asking(eventually: Eventually) -> None:
    turn, order = WriteTurn(), list[int]()
    assert turn.acquire(timeout_s=1)

    def take(number: int) -> None:
        assert turn.acquire(timeout_s=30)
        order.append(number)
        turn.release()

    threads = []
    for number in range(20):
        threads.append(threading.Thread(target=take, args=(number,)))
        threads[-1].start()
        eventually(lambda asked=number + 1: waiting(turn) == asked)  # type: ignore[misc]
    turn.release()
    for thread in threads:
        thread.join(timeout=30)

    assert order == list(range(20))


def test_a_thread_that_releases_and_asks_again_goes_behind_the_one_that_waits(eventually: Eventually) -> None:
    turn, got = WriteTurn(), threading.Event()
    turn.acquire(timeout_s=1)

    def take() -> None:
        turn.acquire(timeout_s=30)
        got.set()

    other = threading.Thread(target=take)
    other.start()
    eventually(lambda: waiting(turn) == 1)
    turn.release()
    # handed over already, although the other thread may not have run yet
    assert not turn.is_mine()
    assert not turn.acquire(timeout_s=0.01)
    other.join(timeout=10)
    assert got.is_set()


def test_a_turn_that_does_not_come_in_time_is_given_up_and_lost_to_nobody() -> None:
    turn = WriteTurn()
    turn.acquire(timeout_s=1)
    answers: list[bool] = []
    impatient = threading.Thread(target=lambda: answers.append(turn.acquire(timeout_s=0.01)))
    impatient.start()
    impatient.join(timeout=10)
    assert answers == [False]
    assert waiting(turn) == 0

    turn.release()
    assert turn.acquire(timeout_s=0)


def test_the_turn_knows_its_thread() -> None:
    turn, others = WriteTurn(), list[bool]()
    assert not turn.is_mine()
    turn.acquire(timeout_s=1)
    assert turn.is_mine()
    thread = threading.Thread(target=lambda: others.append(turn.is_mine()))
    thread.start()
    thread.join(timeout=10)
    assert others == [False]
    turn.release()
    assert not turn.is_mine()


def test_the_patient_let_three_others_go_first_and_then_have_their_turn(eventually: Eventually) -> None:
    turn, order = WriteTurn(), list[str]()
    assert turn.acquire(timeout_s=1)

    def take(name: str, *, patiently: bool) -> None:
        with turn.patiently() if patiently else nullcontext():
            assert turn.acquire(timeout_s=30)
        order.append(name)
        turn.release()

    asked = [("late", True), ("later", True), *((f"urgent {number}", False) for number in range(5))]
    threads = []
    for number, (name, patiently) in enumerate(asked):
        threads.append(threading.Thread(target=take, args=(name,), kwargs={"patiently": patiently}))
        threads[-1].start()
        eventually(lambda asked=number + 1: waiting(turn) == asked)  # type: ignore[misc]
    turn.release()
    for thread in threads:
        thread.join(timeout=30)

    assert order == ["urgent 0", "urgent 1", "urgent 2", "late", "urgent 3", "urgent 4", "later"]
