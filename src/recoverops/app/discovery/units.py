"""Running systemd services, where systemctl answers."""

from __future__ import annotations

import subprocess
from shutil import which

ANSWERS_WITHIN_S = 5.0
_ASK = ("list-units", "--type=service", "--state=running", "--no-legend", "--plain", "--no-pager")


def running_units() -> tuple[tuple[str, ...], str]:
    """The units, and why there are none to be had; one of the two is empty unless no unit runs."""
    program = which("systemctl")
    if program is None:
        return (), "there is no systemctl"
    try:
        done = subprocess.run(  # noqa: S603 - a fixed argument list, no shell
            [program, *_ASK], capture_output=True, text=True, timeout=ANSWERS_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return (), f"systemctl does not answer ({type(error).__name__})"
    if done.returncode != 0:
        return (), "systemd does not run here"
    return units_in(done.stdout), ""


def units_in(text: str) -> tuple[str, ...]:
    """The first word of each line that is a service. Pure."""
    words = (line.split() for line in text.splitlines())
    return tuple(first[0] for first in words if first and first[0].endswith(".service"))
