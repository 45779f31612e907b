"""Slack: the message within its limits, outside text defused, the URL never told."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.plugins.conftest import Contexts

from recoverops.model import MisconfiguredError, PermanentError, RetryableError
from recoverops.plugins.slack import plugin
from recoverops.plugins.slack.blocks import escape, message_of
from recoverops.plugins.slack.settings import SlackSettings
from recoverops.ports import Notifier
from recoverops.testing import Receiver, Reply, running_receiver, sample_notification

PATH = "/services/T000/B000/XXSECRETXX"


def slack(url: str, context: Contexts) -> Notifier:
    settings = SlackSettings.model_validate({"url": "env:SLACK_URL", "timeout": "2s"})
    (notifier,) = plugin.build(settings, context(secrets={"env:SLACK_URL": url})).notifiers
    return notifier


def test_a_notification_arrives_as_blocks(receiver: Receiver, context: Contexts) -> None:
    receiver.reply = Reply(body=b"ok")
    slack(receiver.url + PATH, context).send(sample_notification(), idempotency_key="ntf-1")
    (request,) = receiver.requests
    assert request.path == PATH
    message = json.loads(request.body)
    assert message["text"] == "CRITICAL: checkout is down"
    title, body, fields, footer = message["blocks"]
    assert title["text"]["text"] == "\N{LARGE RED CIRCLE} checkout is down"
    assert "EXITED" in body["text"]["text"]
    assert fields["fields"][0]["text"] == "resource\nservice:checkout"
    assert "severity critical · incident.opened · 2026-01-31 12:00:01 UTC" in footer["elements"][0]["text"]


def test_outside_text_can_neither_mention_nor_link() -> None:
    hostile = "<!channel> <https://evil.example|click> & <@U1>"
    message = message_of(sample_notification(title=hostile, body=hostile))
    shown = json.dumps(message)
    assert "<" not in shown
    assert ">" not in shown
    assert "&lt;!channel&gt;" in message["text"]


def test_outside_text_is_plain_wherever_it_stands_so_that_slack_reads_nothing_into_it() -> None:
    hostile = "@here #general https://evil.example *bold* `code` :tada:\r\nFAKE LINE \u202e\x1b[2J"
    message = message_of(msgspec.structs.replace(sample_notification(title=hostile), fields={"about": hostile}))

    texts = [block["text"] for block in message["blocks"] if "text" in block]
    texts += [one for block in message["blocks"] for one in (*block.get("fields", ()), *block.get("elements", ()))]
    assert {(one["type"], one["emoji"]) for one in texts} == {("plain_text", False)}
    assert (message["mrkdwn"], message["unfurl_links"], message["unfurl_media"]) == (False, False, False)
    assert message["blocks"][0]["text"]["text"].isprintable()
    assert all(line.isprintable() and line[:9] != "FAKE LINE" for one in texts for line in one["text"].splitlines())


def test_secrets_in_the_text_are_hidden() -> None:
    assert "hunter2" not in json.dumps(message_of(sample_notification(body="login failed, password=hunter2")))


@given(text=st.text(alphabet="&<>ab", max_size=60), limit=st.integers(1, 50))
def test_escaped_text_keeps_to_its_limit_and_cuts_no_entity(text: str, limit: int) -> None:
    escaped = escape(text, limit=limit)
    assert len(escaped) <= limit
    rest = escaped.removesuffix("…").replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set(rest) & set("&<>")


def test_a_huge_notification_keeps_to_slacks_limits() -> None:
    huge = msgspec.structs.replace(
        sample_notification(title="<" * 5000, body="&" * 50_000),
        fields={f"name-{number}": "v" * 9000 for number in range(30)},
    )
    message = message_of(huge)
    title, body, fields, footer = message["blocks"]
    assert len(body["text"]["text"]) <= 3000
    assert len(title["text"]["text"]) <= 150
    assert len(fields["fields"]) == 10
    assert all(len(field["text"]) <= 2000 for field in fields["fields"])
    assert "20 more fields left out" in footer["elements"][0]["text"]


@pytest.mark.parametrize(
    ("reply", "error", "told"),
    [
        (Reply(status=429, headers={"Retry-After": "30"}), RetryableError, "status 429"),
        (Reply(status=500), RetryableError, "status 500"),
        (Reply(status=404, body=b"no_service"), PermanentError, "no_service"),
        (Reply(status=400, body=b"invalid_payload"), PermanentError, "invalid_payload"),
        (Reply(status=410, body=b"channel_is_archived"), PermanentError, "channel_is_archived"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), RetryableError, "status 302"),
        (Reply(status=404, body=b"<html>default backend</html>"), RetryableError, "status 404"),
        (Reply(status=408), RetryableError, "status 408"),
        (Reply(hang=True), RetryableError, r"within 2 s"),
    ],
)
def test_an_answer_says_whether_to_try_again_and_never_the_url(
    reply: Reply,
    error: type[RetryableError | PermanentError],
    told: str,
    receiver: Receiver,
    context: Contexts,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.reply = reply
    with pytest.raises(error, match=told) as raised:
        slack(receiver.url + PATH, context).send(sample_notification(), idempotency_key="ntf-1")
    shown = f"{raised.value!r} {raised.value.__cause__!r} {caplog.text}"
    assert "SECRET" not in shown
    assert str(receiver.port) not in str(raised.value)


def test_slack_says_when_to_come_back(receiver: Receiver, context: Contexts) -> None:
    receiver.reply = Reply(status=429, headers={"Retry-After": "30"})
    with pytest.raises(RetryableError) as raised:
        slack(receiver.url + PATH, context).send(sample_notification(), idempotency_key="ntf-1")
    assert raised.value.delay == timedelta(seconds=30)


def test_a_body_that_echoes_the_url_is_not_repeated(receiver: Receiver, context: Contexts) -> None:
    receiver.reply = Reply(status=404, body=f"no page {PATH}".encode())
    with pytest.raises(RetryableError) as raised:
        slack(receiver.url + PATH, context).send(sample_notification(), idempotency_key="ntf-1")
    assert "SECRET" not in str(raised.value)


def test_slack_out_of_reach_is_tried_again_and_the_url_is_not_told(context: Contexts) -> None:
    with running_receiver() as gone:
        url = gone.url + PATH
    with pytest.raises(RetryableError, match="cannot be reached") as raised:
        slack(url, context).send(sample_notification(), idempotency_key="ntf-1")
    assert "SECRET" not in f"{raised.value!r} {raised.value.__cause__!r}"


@pytest.mark.parametrize(
    "url", ["", "hooks.slack.com/services/x", "ftp://h/x", "http://u:p@h/x", "http://169.254.169.254/x"]
)
def test_an_unusable_url_is_refused_without_being_shown(url: str, context: Contexts) -> None:
    with pytest.raises(MisconfiguredError) as refusal:
        slack(url, context)
    assert not url or url not in str(refusal.value)
