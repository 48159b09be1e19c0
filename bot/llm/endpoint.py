"""Settings of one model server, and the request bodies a call becomes there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.llm.port import ModelCall, Role

__all__ = [
    "OPTIONAL_FIELDS",
    "ModelEndpoint",
    "ModelTimeouts",
    "RoleSettings",
    "background_body",
    "chat_body",
    "endpoint_id",
    "output_limit",
    "responses_body",
    "search_body",
]

OPTIONAL_FIELDS = (
    "background",
    "include",
    "max_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "reasoning_effort",
    "store",
    "stream_options",
    "tool_choice",
    "truncation",
)
"""Fields a call is right without. A compatible server may not know them: one that names such a field
in a 400 gets its requests without it from then on."""


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """The model of one role."""

    model: str
    effort: str | None = None
    """Reasoning effort; ``None``: not sent, as models without reasoning demand."""
    reasoning_tokens: int = 0
    """Added to a call's own limit: providers count what a model thinks as output."""
    max_output_tokens: int | None = None
    """The most any call of this role may ask for, reasoning included."""


@dataclass(frozen=True, slots=True)
class ModelTimeouts:
    """How long each stage of a call may take."""

    connect_seconds: float = 5.0
    """TCP and TLS. Source: the SDK's own default."""
    first_token_seconds: float = 60.0
    """From the call to its first text; a reasoning model thinks in between."""
    stall_seconds: float = 30.0
    """Between two reads once there was text; comments a server sends to keep the connection count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint:
    """One OpenAI-compatible server."""

    roles: Mapping[Role, RoleSettings]
    key: str = field(repr=False)
    url: str | None = None
    """Base address, ``…/v1``; ``None``: OpenAI's."""
    api: Literal["responses", "chat"] = "responses"
    timeouts: ModelTimeouts = ModelTimeouts()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further body fields, such as ``temperature`` or llama.cpp's ``min_p``."""
    prefill: bool = False
    """Chat only: the server continues a last assistant message (llama.cpp does, OpenAI does not)."""
    chat_limit_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """Chat only: OpenAI's name of the output limit, or the older one that llama.cpp reads."""
    background: bool = False
    """Responses only: ``resumable`` calls run in the background and are stored at the provider, so that
    another process can go on reading them."""


def endpoint_id(endpoint: ModelEndpoint) -> str:
    """Name of the account that a provider counts: the same for all who use one address with one key, and
    nothing that leads back to the key (24 hexadecimal digits of a SHA-256).
    """
    account = f"{endpoint.url or ''}\n{endpoint.key}"
    return hashlib.sha256(account.encode()).hexdigest()[:24]


def output_limit(call: ModelCall, role: RoleSettings) -> int:
    """Tokens the call may write, reasoning included."""
    wanted = call.max_output_tokens + role.reasoning_tokens
    return wanted if role.max_output_tokens is None else min(wanted, role.max_output_tokens)


def responses_body(endpoint: ModelEndpoint, call: ModelCall) -> dict[str, Any]:
    """Body for ``POST /responses``. Instructions and context come first, so that the calls of a turn
    share the longest possible prefix.
    """
    role = endpoint.roles[call.role]
    body: dict[str, Any] = {
        "model": role.model,
        "instructions": call.system,
        "input": _user_messages(call),
        "max_output_tokens": output_limit(call, role),
        "stream": True,
        "store": False,
        "prompt_cache_key": call.turn_id,
        "stream_options": {"include_obfuscation": False},
        "truncation": "disabled",
    }
    if call.schema is not None:
        body["text"] = {"format": {"type": "json_schema", **_strict_schema(call)}}
    if role.effort is not None:
        body["reasoning"] = {"effort": role.effort}
    return body


def background_body(endpoint: ModelEndpoint, call: ModelCall) -> dict[str, Any]:
    """``responses_body`` of a call that outlives its connection. It must be stored: without that it can be
    read for some ten minutes only, and on some projects not at all (OpenAI's guide to background mode).
    """
    return {**responses_body(endpoint, call), "background": True, "store": True}


SEARCHES = 3
"""Most searches and page views of one search call: each takes one to three seconds, and a reader waits."""


def search_body(endpoint: ModelEndpoint, call: ModelCall) -> dict[str, Any]:
    """``responses_body`` of a call that searches the web. It shares no prefix with the turn's other calls.
    Without a location of ours OpenAI would search as from the United States.
    """
    body = responses_body(endpoint, call)
    del body["prompt_cache_key"]
    return {
        **body,
        "tools": [
            {
                "type": "web_search",
                "search_context_size": "low",
                "user_location": {"type": "approximate"},
            }
        ],
        "tool_choice": "required",
        "max_tool_calls": SEARCHES,
        "include": ["web_search_call.action.sources"],
    }


def chat_body(endpoint: ModelEndpoint, call: ModelCall) -> dict[str, Any]:
    """Body for ``POST /chat/completions``, in the same order."""
    role = endpoint.roles[call.role]
    messages = [{"role": "system", "content": call.system}, *_user_messages(call)]
    if call.opening and endpoint.prefill:
        messages.append({"role": "assistant", "content": call.opening})
    body: dict[str, Any] = {
        "model": role.model,
        "messages": messages,
        endpoint.chat_limit_field: output_limit(call, role),
        "stream": True,
        "store": False,
        "prompt_cache_key": call.turn_id,
        "stream_options": {"include_usage": True},
    }
    if call.schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": _strict_schema(call)}
    if role.effort is not None:
        body["reasoning_effort"] = role.effort
    return body


def _user_messages(call: ModelCall) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in (call.context, call.instruction) if text]


def _strict_schema(call: ModelCall) -> dict[str, Any]:
    if call.schema is None:
        return {}
    return {"name": call.schema.name, "schema": dict(call.schema.schema), "strict": True}
