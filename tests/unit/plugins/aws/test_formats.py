"""What lines say in the formats of Lambda, ECS, RDS and EC2."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import LogSeverity
from recoverops.plugins.aws.formats import PARSERS, Format, format_of

ID = "8f507cfc-xmpl-4697-b07a-ac58fc914c95".replace("xmpl", "abcd")
AT = "2026-01-31T12:00:00.123Z"
REPORT = f"REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB"
PLATFORM = {"time": AT, "type": "platform.report", "record": {"requestId": ID, "status": "timeout"}}
FIRELENS = {
    "container_id": "c1",
    "container_name": "checkout",
    "log": '{"level": "error", "msg": "pool exhausted", "request_id": "req-1234567"}\n',
    "source": "stdout",
    "ecs_cluster": "shop",
    "ecs_task_definition": "checkout:42",
}

LINES: dict[str, tuple[Format, str, LogSeverity, str, dict[str, str]]] = {
    "lambda: a start": (
        Format.LAMBDA,
        f"START RequestId: {ID} Version: $LATEST\n",
        LogSeverity.INFO,
        f"START RequestId: {ID} Version: $LATEST",
        {"faas.invocation_id": ID},
    ),
    "lambda: a report": (Format.LAMBDA, REPORT, LogSeverity.INFO, REPORT, {"faas.invocation_id": ID}),
    "lambda: a report of a failure": (
        Format.LAMBDA,
        f"{REPORT}\tStatus: error\tError Type: Runtime.ExitError",
        LogSeverity.ERROR,
        f"{REPORT}\tStatus: error\tError Type: Runtime.ExitError",
        {"faas.invocation_id": ID},
    ),
    "lambda: node": (
        Format.LAMBDA,
        f"{AT}\t{ID}\tWARN\tslow answer\n",
        LogSeverity.WARN,
        "slow answer",
        {"faas.invocation_id": ID},
    ),
    "lambda: node before a request": (
        Format.LAMBDA,
        f"{AT}\tundefined\tERROR\tUncaught Exception",
        LogSeverity.ERROR,
        "Uncaught Exception",
        {},
    ),
    "lambda: python": (
        Format.LAMBDA,
        f"[INFO]\t{AT}\t{ID}\torder paid",
        LogSeverity.INFO,
        "order paid",
        {"faas.invocation_id": ID},
    ),
    "lambda: python unhandled": (
        Format.LAMBDA,
        "[ERROR] KeyError: 'id'\nTraceback (most recent call last):",
        LogSeverity.ERROR,
        "KeyError: 'id'\nTraceback (most recent call last):",
        {},
    ),
    "lambda: timed out": (
        Format.LAMBDA,
        f"{AT} {ID} Task timed out after 3.00 seconds",
        LogSeverity.ERROR,
        f"{AT} {ID} Task timed out after 3.00 seconds",
        {"faas.invocation_id": ID},
    ),
    "lambda: the runtime died": (
        Format.LAMBDA,
        f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
        LogSeverity.ERROR,
        f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
        {"faas.invocation_id": ID},
    ),
    "lambda: json of the platform": (
        Format.LAMBDA,
        json.dumps(PLATFORM),
        LogSeverity.ERROR,
        json.dumps(PLATFORM),
        {"faas.invocation_id": ID},
    ),
    "lambda: json of the function": (
        Format.LAMBDA,
        json.dumps({"timestamp": AT, "level": "ERROR", "message": "no stock", "requestId": ID}),
        LogSeverity.ERROR,
        "no stock",
        {"faas.invocation_id": ID},
    ),
    "ecs: firelens": (
        Format.ECS,
        json.dumps(FIRELENS),
        LogSeverity.ERROR,
        "pool exhausted",
        {
            "container.name": "checkout",
            "container.id": "c1",
            "aws.ecs.cluster.name": "shop",
            "aws.ecs.task.family": "checkout",
            "aws.ecs.task.revision": "42",
            "request.id": "req-1234567",
        },
    ),
    "ecs: pino": (
        Format.ECS,
        '{"level":50,"time":1769860800000,"msg":"declined","err":{"message":"card expired"}}',
        LogSeverity.ERROR,
        "declined: card expired",
        {},
    ),
    "ecs: text": (
        Format.ECS,
        "GET /orders request_id=abc-123456 took 12 ms",
        LogSeverity.UNKNOWN,
        "GET /orders request_id=abc-123456 took 12 ms",
        {"request.id": "abc-123456"},
    ),
    "rds: postgres error": (
        Format.RDS,
        "2026-01-31 12:00:00 UTC:10.0.0.7(50412):app@shop:[2171]:FATAL:  remaining connection slots are reserved",
        LogSeverity.FATAL,
        "FATAL: remaining connection slots are reserved",
        {"process.pid": "2171", "db.namespace": "shop", "user.name": "app"},
    ),
    "rds: postgres itself": (
        Format.RDS,
        "2026-01-31 12:00:00 UTC::@:[399]:LOG:  checkpoint starting: time",
        LogSeverity.INFO,
        "LOG: checkpoint starting: time",
        {"process.pid": "399"},
    ),
    "rds: the statement of an error": (
        Format.RDS,
        "2026-01-31 12:00:00 UTC:10.0.0.7(50412):app@shop:[2171]:STATEMENT:  SELECT 1",
        LogSeverity.INFO,
        "STATEMENT: SELECT 1",
        {"process.pid": "2171", "db.namespace": "shop", "user.name": "app"},
    ),
    "rds: mysql": (
        Format.RDS,
        "2026-01-31T12:00:00.123456Z 7 [ERROR] [MY-012592] [InnoDB] Operating system error number 28",
        LogSeverity.ERROR,
        "Operating system error number 28",
        {"db.response.status_code": "MY-012592"},
    ),
    "rds: mariadb": (
        Format.RDS,
        "2026-01-31 12:00:00 0 [Note] Server socket created",
        LogSeverity.INFO,
        "Server socket created",
        {},
    ),
    "ec2: syslog with a priority": (
        Format.EC2,
        "<27>Jan 31 12:00:00 ip-10-0-0-1 nginx[811]: worker process exited",
        LogSeverity.ERROR,
        "worker process exited",
        {"host.name": "ip-10-0-0-1", "process.executable.name": "nginx", "process.pid": "811"},
    ),
    "ec2: the kernel's killer": (
        Format.EC2,
        "2026-01-31T12:00:00.123456+00:00 ip-10-0-0-1 kernel: Out of memory: Killed process 811 (java)",
        LogSeverity.ERROR,
        "Out of memory: Killed process 811 (java)",
        {"host.name": "ip-10-0-0-1", "process.executable.name": "kernel"},
    ),
    "ec2: json behind syslog": (
        Format.EC2,
        'Jan  3 12:00:00 web-1 app[1]: {"level":"warning","message":"disk 91 %"}',
        LogSeverity.WARN,
        "disk 91 %",
        {"host.name": "web-1", "process.executable.name": "app", "process.pid": "1"},
    ),
    "any: the service says its name": (
        Format.ANY,
        '{"severity":"INFO","message":"hello","service":{"name":"checkout"},"trace":1}',
        LogSeverity.INFO,
        "hello",
        {"service.name": "checkout"},
    ),
    "any: an object without a message": (Format.ANY, '{"a":1}', LogSeverity.UNKNOWN, '{"a":1}', {}),
    "any: half an object": (Format.ANY, '{"level":"error"', LogSeverity.UNKNOWN, '{"level":"error"', {}),
}


@pytest.mark.parametrize(("format_", "text", "severity", "body", "attributes"), LINES.values(), ids=LINES)
def test_a_line_says(format_: Format, text: str, severity: LogSeverity, body: str, attributes: dict[str, str]) -> None:
    line = PARSERS[format_](text)
    assert (line.severity, line.body, dict(line.attributes)) == (severity, body, attributes)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("/aws/lambda/pay", Format.LAMBDA),
        ("/aws/rds/instance/shop/postgresql", Format.RDS),
        ("/ecs/shop/checkout", Format.ECS),
        ("/var/log/messages", Format.EC2),
        ("checkout", Format.ANY),
    ],
)
def test_the_name_of_a_group_says_its_format(group: str, expected: Format) -> None:
    assert format_of(group) is expected


@given(st.sampled_from(Format), st.text(max_size=200) | st.from_regex(r"\{\"(level|log|message)\": ?.{0,40}\}"))
def test_no_line_breaks_a_format(format_: Format, text: str) -> None:
    assert isinstance(PARSERS[format_](text).body, str)


@pytest.mark.parametrize(
    "piece", ["2026-01-31 12:00:00 UTC:", "a@b:", "[ERROR] ", "RequestId: ", "\t", "{", '{"a":', "<1>"]
)
def test_hostile_lines_are_parsed_in_no_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    for format_ in Format:
        PARSERS[format_](text)
    assert time.process_time() - began < 1.0
