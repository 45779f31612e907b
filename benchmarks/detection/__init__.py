"""How well and how fast detection works, on labelled public data."""
