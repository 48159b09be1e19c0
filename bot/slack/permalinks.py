"""Addresses of messages, as Slack's own "copy link" gives them."""

from __future__ import annotations

__all__ = ["permalink"]


def permalink(workspace_url: str, channel: str, ts: str, *, thread_ts: str = "") -> str:
    """The address of a message; of a reply, with its thread. Empty where the workspace's is not known
    (``AppIdentity.url``).
    """
    if not workspace_url:
        return ""
    reply = f"?thread_ts={thread_ts}&cid={channel}" if thread_ts else ""
    return f"{workspace_url}archives/{channel}/p{ts.replace('.', '')}{reply}"
