"""WHAT the desk does: engine, thread writer, model client, store, sandbox, command line."""
