"""What the plugin watches, one source a file."""
