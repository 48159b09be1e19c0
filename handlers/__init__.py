"""WHEN the desk acts: one module per way in. Parse, decide, hand over."""
