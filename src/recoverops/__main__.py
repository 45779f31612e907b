"""`recoverops` and `python -m recoverops`."""

from __future__ import annotations


def main() -> None:
    from recoverops.cli import run

    run()


if __name__ == "__main__":
    main()
