"""Redis at the edge: keys, turns, the embedded server."""
