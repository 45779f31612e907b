"""The proposal as `recoverops.yaml`, in mode observe. Never over a file that is there, unless that was asked for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from recoverops.app.discovery.propose import Proposal, Proposed
from recoverops.model import ConflictError, MisconfiguredError

FILE = "recoverops.yaml"
DATA_DIR = "recoverops-data"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def write(directory: Path, text: str, *, force: bool) -> Path:
    """The file that was written. Raises ConflictError when there is one, MisconfiguredError when it cannot be made."""
    path = directory / FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if force:
            beside = path.with_name(f".{FILE}.{os.getpid()}")
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        else:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError as error:
        raise ConflictError(f"{path} is there already; look at it, or write over it with --force") from error
    except OSError as error:
        raise MisconfiguredError(f"{path} cannot be written ({error.strerror}); choose another --directory") from error
    return path


def text_of(proposal: Proposal) -> str:
    """Pure: the same proposal gives the same text."""
    return "\n".join(
        [
            "# Written by `recoverops init` from what runs on this machine. It only observes until you change",
            "# decision.mode to ask. All keys: docs/configuration.md. Check it with: recoverops check",
            f"data_dir: {DATA_DIR}",
            "",
            "api:",
            "  host: 127.0.0.1",
            f"  port: {proposal.port}",
            "",
            *_services(proposal.services),
            "",
            "plugins:",
            "  - name: console",
            "  - name: http",
            *_linux(proposal),
            *_prometheus(proposal),
            "",
            "decision:",
            "  mode: observe",
            "",
            *_undecided(proposal.undecided),
        ]
    )


def _services(services: tuple[Proposed, ...]) -> Iterable[str]:
    if not services:
        yield "# None was found. An entry looks like this:"
        yield "#   - name: checkout"
        yield "#     address: {supervisor: checkout, http: http://127.0.0.1:8080/health}"
        yield "services: []"
        return
    yield "services:"
    for one in services:
        yield f"  - name: {_scalar(one.name)}"
        if one.group:
            yield f"    group: {_scalar(one.group)}"
        yield "    address:"
        yield from (f"      {key}: {_scalar(value)}" for key, value in one.address.items())


def _linux(proposal: Proposal) -> Iterable[str]:
    has_units = any("systemd" in one.address for one in proposal.services)
    if not proposal.supervisor and has_units:
        yield "  # Reads the systemd units; what to allow for restarting them is in docs/security.md."
        yield "  - name: linux"
        return
    if not proposal.supervisor:
        yield "  # - name: linux"
        yield "  #   settings:"
        yield '  #     supervisor: {url: "unix:///run/supervisor.sock"}'
        return
    yield "  - name: linux"
    yield "    settings:"
    yield "      supervisor:"
    yield f"        url: {_scalar(proposal.supervisor)}"


def _prometheus(proposal: Proposal) -> Iterable[str]:
    yield "  - name: prometheus"
    if proposal.prometheus:
        yield f"    # Prometheus answers at {proposal.prometheus}; to query it, see docs/configuration.md."


def _undecided(lines: tuple[str, ...]) -> Iterable[str]:
    if lines:
        yield "# What could not be decided:"
        yield from (f"# - {_comment(line)}" for line in lines)
        yield ""


def _comment(line: str) -> str:
    """One line, whatever a process calls itself."""
    return re.sub(r"[^\x20-\x7e]", "?", line)


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def receiver_snippet(*, host: str, port: int, data_dir: Path) -> str:
    """What Alertmanager's configuration needs. The key stays in its file."""
    return "\n".join(
        [
            "receivers:",
            "  - name: recoverops",
            "    webhook_configs:",
            f"      - url: http://{host}:{port}/intake/alertmanager",
            "        send_resolved: true",
            "        http_config:",
            "          authorization:",
            "            type: Bearer",
            f"            credentials_file: {_scalar(str(data_dir / 'admin.key'))}",
        ]
    )
