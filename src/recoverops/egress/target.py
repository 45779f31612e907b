"""Where RecoverOps may connect to: everywhere but link-local and cloud-metadata addresses.

Those hand credentials to whoever asks from inside a machine. Names and addresses are refused at start, and once more
when a name has been resolved, because a name can be pointed anywhere later.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recoverops.model import MisconfiguredError

if TYPE_CHECKING:
    import httpx

_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal", "instance-data"}
)
_METADATA_SUFFIXES = (".metadata.google.internal", ".metadata.goog", "instance-data.ec2.internal")
_REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address that may be connected to."""

    url: httpx.URL = field(repr=False)
    """Without user name and password."""
    authorization: str = field(repr=False)
    """The header for the bearer token, or for the user name and password of the URL; empty when there is none."""
    shown: str
    """Host and port, the part that may be shown: paths and queries hold tokens now and then."""


def target_of(text: str, *, where: str, bearer: str = "") -> Target:
    """The target that the configuration names; `where` says where it stands.

    Raises `MisconfiguredError` when it is no HTTP address, or one that must not be connected to.
    """
    import httpx

    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise MisconfiguredError(f"{where} is not a usable URL ({error}); write e.g. http://127.0.0.1:8080") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise MisconfiguredError(f'{where} has the scheme "{url.scheme}"; write e.g. http://127.0.0.1:8080/health')
    reason = refusal_of(url.host)
    if reason:
        raise MisconfiguredError(f'{where} points to "{url.host}", {reason}; RecoverOps never connects there')
    port = f":{url.port}" if url.port is not None else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    plain = url.copy_with(username=None, password=None, fragment=None)
    return Target(url=plain, authorization=f"Bearer {bearer}" if bearer else _basic(url), shown=f"{host}{port}")


def refusal_of(host: str) -> str:
    """Why this host must not be connected to; empty when it may be. Pure."""
    name = host.rstrip(".").lower()
    if name in _METADATA_NAMES or name.endswith(_METADATA_SUFFIXES):
        return "the metadata service of a cloud"
    address = _literal(name)
    if address is not None and _is_refused(address):
        return "a link-local or metadata address"
    return ""


def look_up(host: str, port: int) -> tuple[str, ...]:
    """The addresses of the host, in the resolver's order; raises OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed(host: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The same addresses; raises `PermissionError` when one of them must not be connected to. Pure."""
    for address in addresses:
        reason = refusal_of(address)
        if reason:
            raise PermissionError(f"{host} resolves to {address}, {reason}; RecoverOps never connects there")
    return addresses


def _literal(name: str) -> Address | None:
    """The address that a host is written as, also in the short and the hexadecimal forms that resolvers take."""
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except (OSError, UnicodeError):
        return None


def _is_refused(address: Address) -> bool:
    candidates: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        candidates += [inner for inner in (address.ipv4_mapped, address.sixtofour) if inner is not None]
        if address in _NAT64:
            candidates.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return any(candidate in network for candidate in candidates for network in _REFUSED_NETWORKS)


def _basic(url: httpx.URL) -> str:
    if not url.userinfo:
        return ""
    return "Basic " + base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
