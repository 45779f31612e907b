"""Who is told what, in which words, and when it is tried again. Pure; the senders are plugins."""

from __future__ import annotations

from recoverops.notifications import compose
from recoverops.notifications.route import channels_for, not_sent, sent
from recoverops.notifications.settings import EVENTS, ChannelSettings, NotificationSettings

__all__ = ["EVENTS", "ChannelSettings", "NotificationSettings", "channels_for", "compose", "not_sent", "sent"]
