"""What runs on this machine, for `recoverops init`. Reads only: processes, sockets, and questions that change nothing.

`look` gathers facts, the parsers beside it are pure, `propose` makes services of the facts, `write` makes the file.
"""
