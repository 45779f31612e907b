"""What lines of logs say, whatever program wrote them: how bad it is, signs of known trouble, how many lately. Pure.

Used by every plugin that reads logs itself and by the engine for what streams bring; deeper reading is a stage's work.
"""

from __future__ import annotations

from recoverops.loglines.severity import severity_named, severity_of
from recoverops.loglines.signs import ERRORS, METRICS, SIGNS, metrics_of, signs_of
from recoverops.loglines.windows import Windows, shown

__all__ = ["ERRORS", "METRICS", "SIGNS", "Windows", "metrics_of", "severity_named", "severity_of", "shown", "signs_of"]
