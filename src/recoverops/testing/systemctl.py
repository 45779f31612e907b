"""The `systemctl` of the systemd double: hands its arguments to the manager and prints what comes back.

Run by path and by itself, with nothing but the standard library, because tests and sources start it many times a
second. `running_systemd` writes the program `systemctl` that starts it with the manager's socket.
"""

from __future__ import annotations

import json
import socket
import sys


def main(arguments: list[str]) -> int:
    path, *words = arguments
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        # the words and the exit status of systemctl 252 where no systemd runs
        sys.stderr.write(
            "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
            "Failed to connect to bus: Host is down\n"
        )
        return 1
    with connection:
        connection.sendall(json.dumps(words).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer = json.loads(answers.readline())
    sys.stdout.write(answer["out"])
    sys.stderr.write(answer["err"])
    return int(answer["status"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
