"""What goes wrong in the sandbox: a call Slack would refuse, a driver used wrongly."""

from __future__ import annotations

from typing import Any

__all__ = ["ApiError", "SandboxError"]


class SandboxError(Exception):
    """A test or the page asked the workspace for something that is not there."""


class ApiError(SandboxError):
    """A Web API call is refused: answered as ``{"ok": false, "error": code, **extra}``.

    ``messages`` become Slack's ``response_metadata.messages``, its human-readable details.
    """

    def __init__(self, code: str, *messages: str, **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The JSON answer of the refused call."""
        body: dict[str, Any] = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": [f"[ERROR] {text}" for text in self.messages]}
        return body
