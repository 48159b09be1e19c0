"""The Web API methods the sandbox answers: arguments, scopes, tier and kind of token of each, as a table.

The facts were taken from the reference page of each method (docs.slack.dev/reference/methods). An argument
is written ``name:kind``; the kinds are ``s`` string, ``b`` boolean, ``i`` integer and ``j`` structure (JSON,
or a string that holds JSON).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True, slots=True)
class Method:
    """One method's contract. ``credential`` is the kind of token: ``bot``, ``app``, ``any`` or ``none``.

    ``scopes`` are alternatives: one of them is enough, and which one is needed may depend on the type of
    the channel. ``accepts_json`` false means a JSON body is not read at all, as with Slack's older methods.
    """

    name: str
    tier: str | None
    required: tuple[str, ...]
    kinds: Mapping[str, str]
    scopes: tuple[str, ...] = ()
    credential: str = "bot"
    accepts_json: bool = True


_READ = "channels:read groups:read im:read"
_HISTORY = "channels:history groups:history im:history"
_SENDER = "icon_emoji:s icon_url:s username:s"
_PAGE = "cursor:s limit:i"


def _method(
    name: str,
    tier: str | None,
    required: str = "",
    optional: str = "",
    *,
    scopes: str = "",
    credential: str = "bot",
    accepts_json: bool = True,
) -> Method:
    needed = dict(_pair(item) for item in required.split())
    kinds = needed | dict(_pair(item) for item in optional.split())
    return Method(name, tier, tuple(needed), kinds, tuple(scopes.split()), credential, accepts_json)


def _pair(item: str) -> tuple[str, str]:
    name, _, kind = item.partition(":")
    return name, kind


_TABLE = (
    _method("api.test", "t4", "", "error:s foo:s", credential="none"),
    _method("auth.test", "special", credential="any"),
    _method("apps.connections.open", "t3", scopes="connections:write", credential="app"),
    _method(
        "chat.postMessage",
        "post",
        "channel:s",
        "text:s markdown_text:s blocks:j attachments:j metadata:j thread_ts:s reply_broadcast:b mrkdwn:b"
        f" parse:s link_names:b unfurl_links:b unfurl_media:b as_user:b {_SENDER}"
        " current_draft_last_updated_ts:s",
        scopes="chat:write",
    ),
    _method(
        "chat.postEphemeral",
        "t4",
        "channel:s user:s",
        "text:s markdown_text:s blocks:j attachments:j metadata:j thread_ts:s parse:s link_names:b as_user:b"
        f" {_SENDER}",
        scopes="chat:write",
    ),
    _method(
        "chat.update",
        "t3",
        "channel:s ts:s",
        "text:s markdown_text:s blocks:j attachments:j metadata:j parse:s link_names:b reply_broadcast:b"
        " as_user:b unfurled_attachments:j file_ids:j",
        scopes="chat:write",
    ),
    _method("chat.delete", "t3", "channel:s ts:s", "as_user:b", scopes="chat:write"),
    _method("chat.getPermalink", "special", "channel:s message_ts:s", accepts_json=False),
    _method(
        "chat.startStream",
        "t2",
        "channel:s",
        "thread_ts:s markdown_text:s chunks:j recipient_user_id:s recipient_team_id:s task_display_mode:s"
        f" {_SENDER}",
        scopes="chat:write",
    ),
    _method("chat.appendStream", "t4", "channel:s ts:s", "markdown_text:s chunks:j", scopes="chat:write"),
    _method(
        "chat.stopStream",
        "t2",
        "channel:s ts:s",
        "markdown_text:s chunks:j blocks:j metadata:j session_status:s",
        scopes="chat:write",
    ),
    _method(
        "assistant.threads.setStatus",
        "status",
        "channel_id:s thread_ts:s status:s",
        f"loading_messages:j {_SENDER}",
        scopes="chat:write",
    ),
    _method(
        "assistant.threads.setSuggestedPrompts",
        "t4",
        "channel_id:s prompts:j",
        "thread_ts:s title:s",
        scopes="assistant:write",
    ),
    _method("assistant.threads.setTitle", "t4", "channel_id:s thread_ts:s title:s", scopes="assistant:write"),
    _method(
        "conversations.info",
        "t3",
        "channel:s",
        "include_locale:b include_num_members:b",
        scopes=_READ,
        accepts_json=False,
    ),
    _method(
        "conversations.replies",
        "t3",
        "channel:s ts:s",
        f"include_all_metadata:b inclusive:b latest:s oldest:s {_PAGE}",
        scopes=_HISTORY,
        accepts_json=False,
    ),
    _method(
        "conversations.history",
        "t3",
        "channel:s",
        f"include_all_metadata:b inclusive:b latest:s oldest:s {_PAGE}",
        scopes=_HISTORY,
    ),
    _method(
        "conversations.list",
        "t2",
        "",
        f"exclude_archived:b team_id:s types:s {_PAGE}",
        scopes=_READ,
        accepts_json=False,
    ),
    _method("conversations.join", "t3", "channel:s", scopes="channels:join"),
    _method(
        "conversations.open", "t3", "", "channel:s users:s return_im:b prevent_creation:b", scopes="im:write"
    ),
    _method("conversations.members", "t4", "channel:s", _PAGE, scopes=_READ, accepts_json=False),
    _method("users.info", "t4", "user:s", "include_locale:b", scopes="users:read", accepts_json=False),
    _method(
        "users.list", "t2", "", f"include_locale:b team_id:s {_PAGE}", scopes="users:read", accepts_json=False
    ),
    _method("bots.info", "t3", "", "bot:s team_id:s", scopes="users:read", accepts_json=False),
    _method("team.info", "t3", "", "team:s domain:s", scopes="team:read"),
    _method("reactions.add", "t3", "channel:s name:s timestamp:s", scopes="reactions:write"),
    _method("views.open", "t4", "view:j", "trigger_id:s interactivity_pointer:s"),
    _method("views.publish", "t4", "user_id:s view:j", "hash:s interactivity_pointer:s"),
    _method("views.update", "t4", "view:j", "view_id:s external_id:s hash:s"),
    _method(
        "files.getUploadURLExternal",
        "t4",
        "length:i filename:s",
        "snippet_type:s alt_txt:s",
        scopes="files:write",
        accepts_json=False,
    ),
    _method(
        "files.completeUploadExternal",
        "t4",
        "files:j",
        f"channel_id:s thread_ts:s channels:s initial_comment:s blocks:j {_SENDER}",
        scopes="files:write",
    ),
    _method("auth.revoke", "t3", "", "test:b", accepts_json=False),
)

METHODS: Mapping[str, Method] = {method.name: method for method in _TABLE}
"""All methods by name; any other name is unknown_method."""
