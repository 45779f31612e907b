"""Finds supervisord: usual sockets, and what the configuration of a running one says. Asks it for its programs.

Only `getAllProcessInfo` is called, which changes nothing. One that wants a password is reported, not logged in to.
"""

from __future__ import annotations

import configparser
import xmlrpc.client
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

import httpx

from recoverops.app.discovery.facts import Program, Supervised, Supervisord

USUAL_SOCKETS = ("/run/supervisor.sock", "/run/supervisor/supervisor.sock", "/tmp/supervisor.sock")  # noqa: S108
USUAL_FILES = ("/etc/supervisord.conf", "/etc/supervisor/supervisord.conf")
ANSWERS_WITHIN_S = 2.0
_MOST_BYTES = 4 * 1024 * 1024


def is_supervisord(program: Program) -> bool:
    """Started as a command, by an interpreter, or as a module. Pure."""
    return any(Path(word).name in {"supervisord", "supervisor.supervisord"} for word in program.command[:3])


def configuration_files(programs: Iterable[Program]) -> tuple[Path, ...]:
    """Where the running supervisords read their configuration, by their command lines. Pure."""
    found: list[Path] = []
    for program in programs:
        words = program.command
        if not is_supervisord(program):
            continue
        named = [_option(words, at) for at, word in enumerate(words) if word.startswith(("-c", "--configuration"))]
        usual = [*(str(Path(program.directory) / name) for name in _RELATIVE if program.directory), *USUAL_FILES]
        found.extend(Path(program.directory) / name for name in (named or usual) if name)
    return tuple(dict.fromkeys(found))


_RELATIVE = ("supervisord.conf", "etc/supervisord.conf")


def _option(words: tuple[str, ...], at: int) -> str:
    """`-c FILE`, `-cFILE`, `--configuration FILE` and `--configuration=FILE`."""
    word = words[at]
    if word in {"-c", "--configuration"}:
        return words[at + 1] if at + 1 < len(words) else ""
    return word.partition("=")[2] if word.startswith("--") else word.removeprefix("-c")


def urls_in(text: str, *, here: Path) -> tuple[str, ...]:
    """Where a supervisord with this configuration listens. Pure; what needs the environment is left out."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",))
    try:
        parser.read_string(text)
    except configparser.Error:
        return ()
    socket = parser.get("unix_http_server", "file", fallback="").replace("%(here)s", str(here))
    address = parser.get("inet_http_server", "port", fallback="").strip()
    host, _, port = address.rpartition(":")
    urls = [f"unix://{socket}"] if socket.startswith("/") else []
    if port.isdigit():
        urls.append(f"http://{'127.0.0.1' if host in {'', '*', '0.0.0.0'} else host}:{port}")  # noqa: S104
    return tuple(url for url in urls if "%(" not in url)


def ask(url: str) -> Supervisord:
    """Its programs; `trouble` when it does not answer as a supervisord does."""
    parts = urlsplit(url)
    transport = httpx.HTTPTransport(uds=parts.path) if parts.scheme == "unix" else httpx.HTTPTransport()
    door = "http://localhost/RPC2" if parts.scheme == "unix" else f"{url}/RPC2"
    body = xmlrpc.client.dumps((), "supervisor.getAllProcessInfo")
    try:
        with httpx.Client(transport=transport, timeout=ANSWERS_WITHIN_S, trust_env=False) as client:
            answer = client.post(door, content=body, headers={"Content-Type": "text/xml"})
    except httpx.HTTPError as error:
        return Supervisord(url=url, trouble=f"does not answer ({type(error).__name__})")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return Supervisord(url=url, trouble="asks for a user name and a password")
    if answer.status_code != httpx.codes.OK or len(answer.content) > _MOST_BYTES:
        return Supervisord(url=url, trouble=f"answers with status {answer.status_code}, unlike a supervisord")
    try:
        (told,), _ = xmlrpc.client.loads(answer.content)
    except (xmlrpc.client.Error, ExpatError, ValueError, TypeError):
        return Supervisord(url=url, trouble="does not answer as a supervisord does")
    return Supervisord(url=url, programs=programs_in(told))


def programs_in(told: Any) -> tuple[Supervised, ...]:
    """The answer of `getAllProcessInfo`. Pure."""
    entries = told if isinstance(told, list) else []
    return tuple(
        Supervised(
            group=str(one.get("group", "")),
            name=str(one.get("name", "")),
            state=str(one.get("statename", "")),
            pid=one["pid"] if isinstance(one.get("pid"), int) else 0,
        )
        for one in entries
        if isinstance(one, dict) and one.get("name")
    )


def find(programs: Iterable[Program], *, sockets: Iterable[str] = USUAL_SOCKETS) -> tuple[Supervisord, ...]:
    """Every supervisord that is configured or listening, asked once."""
    urls = [f"unix://{path}" for path in sockets if Path(path).is_socket()]
    for file in configuration_files(programs):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        urls.extend(urls_in(text, here=file.parent))
    return tuple(ask(url) for url in dict.fromkeys(urls))
