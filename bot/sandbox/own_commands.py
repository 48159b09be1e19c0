"""Slack's own slash commands, as far as people need them to try an app: ``/invite`` and ``/remove``."""

from __future__ import annotations

from bot.sandbox.config import CommandConfig, UserConfig
from bot.sandbox.errors import SandboxError
from bot.sandbox.markup import mentioned_users
from bot.sandbox.messages import Message
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["OWN_COMMANDS", "run_own_command"]

_INVITE, _REMOVE = "/invite", "/remove"

OWN_COMMANDS = (
    CommandConfig(_INVITE, "Add somebody, or an app, to this channel", "@somebody"),
    CommandConfig(_REMOVE, "Take somebody, or an app, out of this channel", "@somebody"),
)
"""What the composer offers besides the commands of apps."""


def run_own_command(workspace: Workspace, user: str, channel: str, command: str, text: str) -> bool:
    """Run the command if it is one of Slack's own; False where it is not. ``text`` in wire form.

    Raises SandboxError, among others ``user_not_found`` where nobody is named.
    """
    if command not in (_INVITE, _REMOVE):
        return False
    person = workspace.person(user)
    place = workspace.member_channel(person, channel)
    if place.is_im:
        raise SandboxError("method_not_supported_for_channel_type")
    named = mentioned_users(text)
    if not named or not all(each in workspace.users or each in workspace.bots for each in named):
        raise SandboxError("user_not_found")
    for each in named:
        if command == _INVITE:
            _invite(workspace, place, each)
        else:
            _remove(workspace, place, each, by=person)
    return True


def _invite(workspace: Workspace, place: Channel, user: str) -> None:
    if not workspace.join(place, user):
        raise SandboxError("already_in_channel")
    workspace.post(
        Message(
            ts=workspace.next_ts(),
            channel=place.id,
            user=user,
            text=f"<@{user}> has joined the channel",
            team_id=workspace.team_of(user),
            subtype="channel_join",
        )
    )


def _remove(workspace: Workspace, place: Channel, user: str, *, by: UserConfig) -> None:
    if user == by.id:
        raise SandboxError("cant_kick_self")
    if not workspace.leave(place, user):
        raise SandboxError("not_in_channel")
