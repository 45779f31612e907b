"""Whose certificates are believed, and what it means when one is not. Used by the transport and the fetcher."""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""What a file of a folder of certificates has to be called for OpenSSL to find it."""

_TROUBLE_OF_ITS_OWN = frozenset(
    {
        9,  # not yet valid
        10,  # expired
        23,  # revoked
        62,  # another host name
        64,  # another address
    }
)
"""Codes of X509_V_ERR_* for which every client turns away, whatever it trusts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbelief:
    reason: str
    is_own_trouble: bool
    """True when others, who trust other issuers, may well be served."""


def trusting() -> ssl.SSLContext:
    """Believes what the host believes; where no store of certificates is found, the list that comes with httpx as well.

    SSL_CERT_FILE and SSL_CERT_DIR replace the host's places. Takes some 20 ms, so it is made once a transport.
    """
    if _has_store(ssl.get_default_verify_paths()):
        return ssl.create_default_context()
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _has_store(paths: ssl.DefaultVerifyPaths) -> bool:
    """Not every folder is one: some hosts keep nothing there but a bundle that OpenSSL does not look for."""
    if paths.cafile:
        return True
    try:
        return bool(paths.capath) and any(map(_HASHED.fullmatch, os.listdir(paths.capath)))
    except OSError:
        return False


def disbelief(error: ssl.SSLCertVerificationError) -> Disbelief:
    """Pure."""
    why = error.verify_message.strip().rstrip(".").lower()
    if error.verify_code in _TROUBLE_OF_ITS_OWN:
        return Disbelief(reason=f"its certificate does not hold: {why}", is_own_trouble=False)
    return Disbelief(
        reason=f"its certificate is not trusted here: {why}; add the one of its issuer to the host's store, or name a "
        "file with it in SSL_CERT_FILE, and restart; or let it send its intermediate certificates",
        is_own_trouble=True,
    )
