"""The shop's nginx: which program, its files in the demo's directory, and giving the load back to every backend.

Used by the world, which starts it, and by `scene`, which puts it back. It needs no root: a high port on loopback, and
every file that it writes is in a folder of its own. Without nginx the customers go to the gateway itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recoverops.lab.children import end_group
from recoverops.lab.layout import BACKENDS, HOST, NGINX, Layout
from recoverops.model import PermanentError

PLACES = "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin:/usr/bin:/usr/local/bin"
RUN_WITHIN_S = 10.0
UPSTREAM = "gateways"

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_DOWN = re.compile(r"\s+down(?=\s*;)")


def program() -> str | None:
    """The nginx of this machine; None when there is none that can balance its load at random (1.15.1 and newer can)."""
    found = shutil.which("nginx", path=PLACES)
    if found is None:
        return None
    with suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run([found, "-v"], capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False).stderr
        version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", told)
        if version is not None and tuple(map(int, version.groups())) >= (1, 15, 1):
            return found
    return None


def command(layout: Layout, *what: str) -> tuple[str, ...]:
    """nginx with this demo's files. Raises PermanentError when it is not installed any more."""
    binary = program()
    if binary is None:
        raise PermanentError("nginx was here when the demo began, and is not any more")
    return (binary, "-p", f"{layout.nginx}/", "-c", str(layout.nginx_config), *what)


def write_files(layout: Layout) -> None:
    """Its configuration, and the file with the upstream, in which every backend is up."""
    layout.nginx.mkdir()
    layout.upstream.write_text(upstream(layout), encoding="utf-8")
    layout.nginx_config.write_text(configuration(layout), encoding="utf-8")


def upstream(layout: Layout) -> str:
    """`random`, because customers browse and buy in turns: by turns one backend would get all of one kind."""
    servers = "".join(f"    server {layout.backend(one)};\n" for one in BACKENDS)
    return f"upstream {UPSTREAM} {{\n    random;\n{servers}}}\n"


def configuration(layout: Layout) -> str:
    temporary = "".join(f"    {one}_temp_path {layout.nginx}/{one};\n" for one in _TEMPORARY)
    return f"""\
daemon off;
worker_processes 1;
pid {layout.nginx_pid};
error_log stderr warn;
events {{
    worker_connections 512;
}}
http {{
    access_log off;
{temporary}    include {layout.upstream};
    server {{
        listen {HOST}:{layout.ports[NGINX]};
        location = /health {{
            return 200 "ok\\n";
        }}
        location / {{
            proxy_pass http://{UPSTREAM};
        }}
    }}
}}
"""


def share_load(layout: Layout) -> None:
    """Every backend is up again; nothing is touched when every one is. Raises PermanentError when nginx refuses."""
    text = layout.upstream.read_text(encoding="utf-8")
    if (shared := _DOWN.sub("", text)) == text:
        return
    layout.upstream.write_text(shared, encoding="utf-8")
    told = subprocess.run(
        command(layout, "-s", "reload"), capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False
    )
    if told.returncode != 0:
        raise PermanentError(f"nginx did not load {layout.upstream}: {told.stderr.strip()}")


@contextmanager
def nothing_left(layout: Layout) -> Iterator[None]:
    """Ends an nginx that has outlived its supervisor: it clears its environment, where others would be found by it."""
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            pid = int(layout.nginx_pid.read_text(encoding="ascii"))
            if str(layout.nginx).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                end_group(pid)
