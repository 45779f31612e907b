"""The certificates that SNS signs with: fetched from where only SNS can put them, checked, kept for a day.

What can be checked of a certificate is: that it came over TLS from a host of SNS (the caller has compared its
address), that it counts now, that it has an RSA key of 2048 bits or more, and that every certificate sent with it has
issued the one before it. SNS sends no chain that leads to a root, so none is followed to the end.
"""

from __future__ import annotations

import base64
import binascii
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from recoverops.egress import Fetcher, target_of
from recoverops.model import ForbiddenError, MisconfiguredError, Record, UnreachableError
from recoverops.ports import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate

_KEPT_FOR = timedelta(hours=24)
_MOST = 32
_SMALLEST_BITS = 2048


class UnfitCertificateError(ForbiddenError):
    """There is a certificate, and it is not one to be believed."""


class _Known(Record, frozen=True, kw_only=True):
    pem: bytes
    fetched_at: datetime


class Certificates:
    """Thread-safe."""

    def __init__(self, fetcher: Fetcher, *, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def key_at(self, url: str) -> RSAPublicKey:
        """Raises `UnfitCertificateError`, and `UnreachableError` when it is not to be had."""
        now = self._clock.now()
        with self._lock:
            known = self._known.get(url)
        if known is not None and now - known.fetched_at <= _KEPT_FOR:
            return key_of(known.pem, now=now)
        pem = self._fetch(url)
        key = key_of(pem, now=now)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[url] = _Known(pem=pem, fetched_at=now)
        return key

    def _fetch(self, url: str) -> bytes:
        try:
            target = target_of(url, where="the address of the certificate")
        except MisconfiguredError as error:
            raise UnfitCertificateError(str(error)) from error
        answer = self._fetcher.fetch("GET", target, headers={})
        if answer.status != 200:
            raise UnreachableError(f"{target.shown} answered with status {answer.status} instead of a certificate")
        return answer.body


def key_of(pem: bytes, *, now: datetime) -> RSAPublicKey:
    """The key of the first certificate. Pure. Raises `UnfitCertificateError` with what is wrong."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        first, *above = x509.load_pem_x509_certificates(pem)
        key = first.public_key()
    except ValueError as error:
        raise UnfitCertificateError(f"what is there is no certificate: {error}") from error
    if not first.not_valid_before_utc <= now <= first.not_valid_after_utc:
        raise UnfitCertificateError(
            f"the certificate counts from {first.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, which is not now"
        )
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_BITS:
        raise UnfitCertificateError(f"the key of the certificate is not one of RSA with {_SMALLEST_BITS} bits or more")
    _check_chain(first, above)
    return key


def is_signed(text: bytes, signature: str, *, version: str, key: RSAPublicKey) -> bool:
    """Whether the signature, in base64, is that of the text. Version 1 is SHA-1, 2 is SHA-256. Pure."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - what SNS signs with unless told
    try:
        key.verify(base64.b64decode(signature, validate=True), text, padding.PKCS1v15(), digest)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _check_chain(first: Certificate, above: list[Certificate]) -> None:
    from cryptography.exceptions import InvalidSignature

    lower = first
    for upper in above:
        try:
            lower.verify_directly_issued_by(upper)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise UnfitCertificateError("a certificate sent with it has not issued the one before it") from error
        lower = upper
