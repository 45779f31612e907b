"""What this plugin can do, one file an idea. Each implements `ports.Action`."""
