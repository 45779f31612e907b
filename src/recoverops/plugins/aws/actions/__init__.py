"""What the plugin can do, one action a file. See "Adding an action" in `docs/aws.md`."""
