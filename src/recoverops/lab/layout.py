"""Where everything of one demo lies: its directory, its files and its ports. Both ends of the tether read it.

The engine is told of `srv`, `data`, `logs` and `nginx`. What the lab alone uses lies beside them: `wings`, the starts,
the customers' requests. Whether the shop stands behind an nginx shows in its ports, which have one for it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recoverops.model import Record
from recoverops.testing.ports import free_port

HOST = "127.0.0.1"
DEPENDS_ON: Mapping[str, tuple[str, ...]] = {
    "gateway": ("catalogue", "orders"),
    "catalogue": (),
    "orders": ("payments", "database"),
    "payments": (),
    "worker": ("database",),
    "database": (),
}
"""The services of the shop, by their names in the supervisor and in the inventory, and what each of them calls."""
SERVICES = tuple(DEPENDS_ON)
FRONT = "gateway"
SECOND = "gateway-2"
"""The same program as `gateway`, beside it; only where an nginx shares the load between them."""
BACKENDS = (FRONT, SECOND)
NGINX = "nginx"
DIRECTORY_PREFIX = "recoverops-demo-"
"""How the name of a demo's directory begins."""
ON_SMALL_DISK = "database"
"""The service whose data folder is a file system of its own, where the lab may mount one."""


class Facts(Record, frozen=True, kw_only=True):
    """What is known once everything has been started."""

    supervisor_url: str
    supervisor_pid: int
    traffic_pid: int
    engine_pid: int | None
    """None when the world was asked for without RecoverOps."""
    has_small_disk: bool


def kept_mark(directory: Path) -> Path:
    """A file that is there when the demo in this directory was kept, so nobody watches it any more."""
    return directory / "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    directory: Path
    ports: Mapping[str, int]
    """By service."""
    api_port: int

    @classmethod
    def choose(cls, directory: Path, *, has_nginx: bool = False) -> Layout:
        """In this directory, on ports that are free now."""
        names = (*SERVICES, SECOND, NGINX) if has_nginx else SERVICES
        return cls(directory=directory, ports={name: free_port() for name in names}, api_port=free_port())

    @classmethod
    def from_arguments(cls, directory: str, api_port: str, *ports: str) -> Layout:
        """The reverse of `to_arguments`."""
        named = (port.partition("=") for port in ports)
        return cls(
            directory=Path(directory),
            api_port=int(api_port),
            ports={name: int(port) for name, _, port in named},
        )

    def to_arguments(self) -> tuple[str, ...]:
        return (str(self.directory), str(self.api_port), *(f"{name}={port}" for name, port in self.ports.items()))

    @property
    def has_nginx(self) -> bool:
        return NGINX in self.ports

    @property
    def services(self) -> tuple[str, ...]:
        """The shop's own: `SERVICES`, and the second gateway where there is one."""
        return tuple(one for one in self.ports if one != NGINX)

    def needs_of(self, service: str) -> tuple[str, ...]:
        """What the service calls."""
        return BACKENDS if service == NGINX else DEPENDS_ON[FRONT if service == SECOND else service]

    def url(self, service: str) -> str:
        return f"http://{HOST}:{self.ports[service]}"

    def backend(self, service: str) -> str:
        """As it stands in nginx's upstream."""
        return f"{HOST}:{self.ports[service]}"

    @property
    def shop_url(self) -> str:
        """Where the customers go."""
        return self.url(NGINX if self.has_nginx else FRONT)

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.api_port}"

    # RecoverOps

    @property
    def config(self) -> Path:
        return self.directory / "recoverops.yaml"

    @property
    def rules(self) -> Path:
        return self.directory / "remediation-rules.yaml"

    @property
    def runbooks(self) -> Path:
        return self.directory / "runbooks"

    @property
    def data(self) -> Path:
        """RecoverOps's own."""
        return self.directory / "recoverops-data"

    @property
    def admin_key(self) -> Path:
        return self.data / "admin.key"

    @property
    def quarantine(self) -> Path:
        """On another file system than the small disk."""
        return self.directory / "quarantine"

    # the shop

    @property
    def supervisor(self) -> Path:
        return self.directory / "sup"

    def home(self, service: str) -> Path:
        """Its releases, and the symlink `current` to the one that it runs."""
        return self.directory / "srv" / service

    def release(self, service: str) -> Path:
        return self.home(service) / "current"

    def data_of(self, service: str) -> Path:
        return self.directory / "data" / service

    def dumps(self) -> Path:
        """Where the database's nightly dumps lie, beside the data."""
        return self.data_of(ON_SMALL_DISK) / "dumps"

    def log_of(self, service: str) -> Path:
        return self.directory / "logs" / f"{service}.log"

    @property
    def nginx(self) -> Path:
        """Everything that nginx reads and writes."""
        return self.directory / "nginx"

    @property
    def nginx_config(self) -> Path:
        return self.nginx / "nginx.conf"

    @property
    def nginx_pid(self) -> Path:
        return self.nginx / "nginx.pid"

    @property
    def upstream(self) -> Path:
        return self.nginx / "upstream.conf"

    # the lab alone

    @property
    def wings(self) -> Path:
        """The services' admin sockets."""
        return self.directory / "wings"

    @property
    def scratch(self) -> Path:
        """Where processes work that belong to no service."""
        return self.directory / "scratch"

    def admin(self, service: str) -> Path:
        return self.wings / f"{service}.sock"

    def ledger(self, service: str) -> Path:
        return self.directory / "starts" / f"{service}.jsonl"

    @property
    def requests(self) -> Path:
        return self.directory / "requests.jsonl"

    @property
    def facts(self) -> Path:
        return self.directory / "facts.json"

    def log(self, name: str) -> Path:
        """Of a process that is not of the shop."""
        return self.directory / f"{name}.log"
