"""AWS Lambda: more readers of the stream while the intake lags, one per shard again when it has caught up.

Called by the alarm on the age of the oldest unread record. Variables: MAPPING (id of the event source mapping), WIDEST
(readers per shard while it lags, 2 to 10).
"""

import json
import os

LEAST, MOST = 1, 10


def readers(state, widest):
    """Readers per shard in this state of the alarm; None: the alarm does not know, so nothing is changed."""
    if not 2 <= widest <= MOST:
        raise ValueError(f"WIDEST is {widest}, expected 2 to {MOST}")
    return {"ALARM": widest, "OK": LEAST}.get(state)


def handler(event, _context):
    wanted = readers(event["alarmData"]["state"]["value"], int(os.environ["WIDEST"]))
    if wanted is not None:
        import boto3

        boto3.client("lambda").update_event_source_mapping(UUID=os.environ["MAPPING"], ParallelizationFactor=wanted)
    print(json.dumps({"event": "widened", "readers": wanted}))
    return {"readers": wanted}
