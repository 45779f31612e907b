"""A key with a certificate of its own, as SNS has one. Nobody else trusts it."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from recoverops.clock import SystemClock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_DAY = timedelta(days=1)


class Signer:
    """The certificate counts from a day before `at` (now) on, until `valid_for` after it, which may be negative."""

    def __init__(self, *, bits: int = 2048, valid_for: timedelta = 30 * _DAY, at: datetime | None = None) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        self._key: RSAPrivateKey = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        self.pem = self._certificate(valid_for, at or SystemClock().now())
        self.name = f"SimpleNotificationService-{self._fingerprint()}.pem"

    def sign(self, text: bytes, *, version: str) -> str:
        """Base64; version 1 is SHA-1, 2 is SHA-256."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - as SNS does
        return base64.b64encode(self._key.sign(text, padding.PKCS1v15(), digest)).decode()

    def _certificate(self, valid_for: timedelta, at: datetime) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(at, at + valid_for) - _DAY)
            .not_valid_after(at + valid_for)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def _fingerprint(self) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        return x509.load_pem_x509_certificate(self.pem).fingerprint(hashes.SHA256()).hex()[:32]
