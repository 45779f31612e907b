from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from recoverops.app.collector import without_collector


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_the_collector_rests_and_leaves_what_was_made_alone_for_good() -> None:
    with without_collector():
        assert not gc.isenabled()
        made = [[] for _ in range(10)]  # type: ignore[var-annotated]

    assert gc.isenabled()
    assert gc.get_freeze_count() > len(made)


def test_after_an_error_it_works_again() -> None:
    with pytest.raises(RuntimeError), without_collector():
        raise RuntimeError("the start failed")

    assert gc.isenabled()
