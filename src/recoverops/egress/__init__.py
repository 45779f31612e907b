"""Outgoing HTTP under guard: where nobody may connect to, and one bounded request at a time.

Used by every plugin that asks or posts over HTTP. It knows no vendor, keeps no state and retries nothing.
"""

from __future__ import annotations

from recoverops.egress.fetching import Answer, Fetcher, NoAnswerError
from recoverops.egress.target import Target, target_of

__all__ = ["Answer", "Fetcher", "NoAnswerError", "Target", "target_of"]
