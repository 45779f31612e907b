"""Wiring: the configuration in, a running engine out. The only room that names a store and a workflow engine.

Import the file you need (`app.load`, `app.engine`, `app.serve`, `app.offline`, ...): a command that only reads the
store must not pay for the workflow engine and the HTTP door.
"""
