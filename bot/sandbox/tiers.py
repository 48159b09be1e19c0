"""Slack's rate tiers: sliding windows per method, team and app, and one post a second per channel."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque

from bot.sandbox.methods import Method
from bot.sandbox.workspace import Workspace

__all__ = ["RateTiers"]


class RateTiers:
    """Counts calls and says how long a caller has to wait.

    The limits are read from the workspace at each call, so that a test may change them while it runs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._posts: dict[tuple[str, str], tuple[float, float]] = {}

    def seconds_to_wait(self, method: Method, app_id: str, channel: str | None) -> int:
        """0 when the call may go on (it is then counted), else whole seconds for ``Retry-After``."""
        if not self._workspace.rate_limits or method.tier is None:
            return 0
        limits = self._workspace.limits
        now = time.monotonic()
        is_post = method.tier == "post"
        allowed = limits.posts_per_window if is_post else limits.tiers[method.tier]
        calls = self._calls[method.name, app_id]
        while calls and calls[0] <= now - limits.tier_window_seconds:
            calls.popleft()
        if len(calls) >= allowed:
            return max(1, math.ceil(calls[0] + limits.tier_window_seconds - now))
        if is_post and channel is not None:
            wait = self._take_post(app_id, channel, now)
            if wait:
                return wait
        calls.append(now)
        return 0

    def _take_post(self, app_id: str, channel: str, now: float) -> int:
        limits = self._workspace.limits
        tokens, then = self._posts.get((app_id, channel), (float(limits.post_burst), now))
        tokens = min(float(limits.post_burst), tokens + (now - then) * limits.posts_per_second)
        if tokens < 1:
            self._posts[app_id, channel] = (tokens, now)
            return max(1, math.ceil((1 - tokens) / limits.posts_per_second))
        self._posts[app_id, channel] = (tokens - 1, now)
        return 0
