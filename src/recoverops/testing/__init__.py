"""For plugin authors: conformance kits, named doubles, and real peers to test against.

The kits raise `ConformanceError`, an AssertionError, with the sentence of the contract that does not hold; they need no
test framework. `running_supervisor` needs the extra `lab`.
"""

from __future__ import annotations

from recoverops.testing.action_kit import check_action, check_declaration
from recoverops.testing.claims import ConformanceError
from recoverops.testing.doubles import ManualClock, RecordingNotifier, ScriptedSource
from recoverops.testing.ledger import LedgerAction, LedgerLine, ledger_lines
from recoverops.testing.notifier_kit import check_notifier, sample_notification
from recoverops.testing.ports import free_port
from recoverops.testing.receiver import Receiver, Reply, running_receiver
from recoverops.testing.source_kit import check_push_source, check_source
from recoverops.testing.streams import MemoryStream, check_stream_source
from recoverops.testing.supervisor import Program, Supervisor, running_supervisor
from recoverops.testing.systemd import Systemd, running_systemd
from recoverops.testing.undo_kit import Undoing

__all__ = [
    "ConformanceError",
    "LedgerAction",
    "LedgerLine",
    "ManualClock",
    "MemoryStream",
    "Program",
    "Receiver",
    "RecordingNotifier",
    "Reply",
    "ScriptedSource",
    "Supervisor",
    "Systemd",
    "Undoing",
    "check_action",
    "check_declaration",
    "check_notifier",
    "check_push_source",
    "check_source",
    "check_stream_source",
    "free_port",
    "ledger_lines",
    "running_receiver",
    "running_supervisor",
    "running_systemd",
    "sample_notification",
]
