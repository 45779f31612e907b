"""What this plugin measures, one file an idea."""
