"""Slack at the edge: thread writer, pacing, text safety, cards."""
