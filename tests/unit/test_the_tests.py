"""What all tests rely on and none of them looks at."""

from __future__ import annotations

import os


def test_the_running_test_does_not_change_the_environment() -> None:
    """pytest does by itself; a thread that reads the environment meanwhile fails (see tests/conftest.py)."""
    assert "PYTEST_CURRENT_TEST" not in os.environ
