"""Measures the real product: separate processes, real files, real sockets. Run with `python -m benchmarks.run`."""
