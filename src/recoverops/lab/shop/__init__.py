"""A small real shop of six processes: gateway, catalogue, orders, payments, worker and database.

Each is `python -m recoverops.lab.shop.<name>` on the standard library alone, runs under a supervisor, and knows neither
who watches it nor what is done to it. `service` is what they share.
"""
