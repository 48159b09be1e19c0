"""assistant.threads.setSuggestedPrompts and setTitle: the direct message of an app declared as an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.call import Call, Handler
from bot.sandbox.content import thread_root
from bot.sandbox.errors import ApiError
from bot.sandbox.limits import SUGGESTED_PROMPTS
from bot.sandbox.records import Change
from bot.sandbox.workspace import Channel

__all__ = ["PANE_METHODS"]


def _pane(call: Call) -> Channel:
    channel = call.visible_channel("channel_id")
    if not channel.is_im:
        raise ApiError("channel_not_found")
    return channel


def set_suggested_prompts(call: Call) -> dict[str, Any]:
    """assistant.threads.setSuggestedPrompts: shown above the composer until somebody writes."""
    if not call.app.agent:
        raise ApiError("not_agent_app")
    channel = _pane(call)
    thread_root(channel, call.text("thread_ts"), unknown="invalid_thread_ts")
    prompts = call.args["prompts"]
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= SUGGESTED_PROMPTS:
        raise ApiError("invalid_arguments", f"1 to {SUGGESTED_PROMPTS} prompts [json-pointer:/prompts]")
    for index, prompt in enumerate(prompts):
        for name in ("title", "message"):
            text = prompt.get(name) if isinstance(prompt, dict) else None
            if not isinstance(text, str) or not text.strip():
                raise ApiError(
                    "invalid_arguments", f"missing required field: {name} [json-pointer:/prompts/{index}]"
                )
    channel.prompts = [{"title": prompt["title"], "message": prompt["message"]} for prompt in prompts]
    call.workspace.publish(Change("channel", data={"channel": channel}))
    return {}


def set_title(call: Call) -> dict[str, Any]:
    """assistant.threads.setTitle: what the list of a person's sessions calls this one."""
    channel = _pane(call)
    if thread_root(channel, call.args["thread_ts"], unknown="invalid_thread_ts") is None:
        raise ApiError("invalid_thread_ts")
    channel.titles[call.args["thread_ts"]] = call.args["title"]
    call.workspace.record_pings(call.method.name, channel.id, [call.args["title"]])
    call.workspace.publish(Change("channel", data={"channel": channel}))
    return {}


PANE_METHODS: Mapping[str, Handler] = {
    "assistant.threads.setSuggestedPrompts": set_suggested_prompts,
    "assistant.threads.setTitle": set_title,
}
"""The methods of this module by name."""
