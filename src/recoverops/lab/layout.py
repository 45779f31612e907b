"""Where everything of one demo lies: its directory, its files and its two ports. Both ends of the tether read it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from recoverops.model import Record

HOST = "127.0.0.1"
SERVICE = "checkout"
"""The shop's name in the supervisor and in the inventory."""


class Facts(Record, frozen=True, kw_only=True):
    """What is known once everything has been started."""

    supervisor_url: str
    supervisor_pid: int
    engine_pid: int
    traffic_pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    directory: Path
    shop_port: int
    api_port: int

    @classmethod
    def choose(cls, directory: Path) -> Layout:
        """In this directory, on two ports that are free now."""
        with socket.create_server((HOST, 0)) as shop, socket.create_server((HOST, 0)) as api:
            return cls(directory=directory, shop_port=shop.getsockname()[1], api_port=api.getsockname()[1])

    @property
    def shop_url(self) -> str:
        return f"http://{HOST}:{self.shop_port}"

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    @property
    def config(self) -> Path:
        return self.directory / "recoverops.yaml"

    @property
    def rules(self) -> Path:
        return self.directory / "remediation-rules.yaml"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def admin_key(self) -> Path:
        return self.data / "admin.key"

    @property
    def supervisor(self) -> Path:
        return self.directory / "sup"

    @property
    def ledger(self) -> Path:
        return self.directory / "starts.jsonl"

    @property
    def requests(self) -> Path:
        return self.directory / "requests.jsonl"

    @property
    def facts(self) -> Path:
        return self.directory / "facts.json"

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"
