"""What AWS sends to us by itself: alarms and events, over SNS and EventBridge, as alerts."""
