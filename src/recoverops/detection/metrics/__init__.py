"""Detectors of numeric series, one per file."""
