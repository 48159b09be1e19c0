"""api.test, auth.*, users.*, bots.info, team.info: who is who."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.call import Call, Handler
from bot.sandbox.config import AppConfig, UserConfig
from bot.sandbox.conversation_methods import page_of
from bot.sandbox.errors import ApiError
from bot.sandbox.workspace import Workspace

__all__ = ["IDENTITY_METHODS"]


def api_test(call: Call) -> dict[str, Any]:
    """api.test: echoes; fails with the error asked for."""
    error = call.text("error")
    if error:
        raise ApiError(error, args=dict(call.args))
    return {"args": dict(call.args)}


def auth_test(call: Call) -> dict[str, Any]:
    """auth.test."""
    config = call.workspace.config
    return {
        "url": call.workspace.url,
        "team": config.team_name,
        "user": call.app.bot_user_name,
        "team_id": config.team_id,
        "user_id": call.app.bot_user_id,
        "bot_id": call.app.bot_id,
        "is_enterprise_install": False,
    }


def auth_revoke(call: Call) -> dict[str, Any]:
    """auth.revoke: the bot token is dead afterwards, unless ``test`` is set."""
    if call.flag("test"):
        return {"revoked": False}
    call.workspace.revoked_tokens.add(call.app.bot_token)
    return {"revoked": True}


def _person(workspace: Workspace, user: UserConfig) -> dict[str, Any]:
    team = workspace.team_of(user.id)
    return {
        "id": user.id,
        "team_id": team,
        "name": user.name,
        "deleted": user.deleted,
        "color": user.color,
        "real_name": user.real_name,
        "tz": user.tz,
        "is_bot": False,
        "is_app_user": False,
        "is_stranger": team != workspace.team_id,
        "is_restricted": user.is_guest,
        "is_ultra_restricted": False,
        "updated": 0,
        "profile": {
            "real_name": user.real_name,
            "display_name": user.name,
            "display_name_normalized": user.name,
            "team": team,
        },
    }


def _bot(workspace: Workspace, app: AppConfig) -> dict[str, Any]:
    return {
        "id": app.bot_user_id,
        "team_id": workspace.team_id,
        "name": app.bot_user_name,
        "deleted": False,
        "real_name": app.name,
        "tz": "UTC",
        "is_bot": True,
        "is_app_user": False,
        "updated": 0,
        "profile": {
            "real_name": app.name,
            "display_name": app.bot_user_name,
            "api_app_id": app.app_id,
            "bot_id": app.bot_id,
            "team": workspace.team_id,
        },
    }


def users_info(call: Call) -> dict[str, Any]:
    """users.info."""
    workspace, wanted = call.workspace, call.args["user"]
    if wanted in workspace.users:
        return {"user": _person(workspace, workspace.users[wanted])}
    if wanted in workspace.bots:
        return {"user": _bot(workspace, workspace.bots[wanted])}
    raise ApiError("user_not_found")


def users_list(call: Call) -> dict[str, Any]:
    """users.list: people of the home team, and bots."""
    workspace = call.workspace
    people = [
        _person(workspace, user)
        for user in workspace.users.values()
        if workspace.team_of(user.id) == workspace.team_id
    ]
    everyone = people + [_bot(workspace, app) for app in workspace.apps.values()]
    page, metadata = page_of(call, everyone, 100)
    return {"members": page, "cache_ts": 0, **metadata}


def bots_info(call: Call) -> dict[str, Any]:
    """bots.info: without ``bot``, the caller's own."""
    wanted = call.text("bot") or call.app.bot_id
    for app in call.workspace.apps.values():
        if app.bot_id == wanted:
            return {
                "bot": {
                    "id": app.bot_id,
                    "deleted": False,
                    "name": app.name,
                    "updated": 0,
                    "app_id": app.app_id,
                    "user_id": app.bot_user_id,
                    "icons": {},
                }
            }
    raise ApiError("bot_not_found")


def team_info(call: Call) -> dict[str, Any]:
    """team.info: the home team only."""
    config = call.workspace.config
    if call.text("team") not in (None, config.team_id):
        raise ApiError("team_not_found")
    return {
        "team": {
            "id": config.team_id,
            "name": config.team_name,
            "domain": config.team_domain,
            "email_domain": "",
            "icon": {},
        }
    }


IDENTITY_METHODS: Mapping[str, Handler] = {
    "api.test": api_test,
    "auth.test": auth_test,
    "auth.revoke": auth_revoke,
    "users.info": users_info,
    "users.list": users_list,
    "bots.info": bots_info,
    "team.info": team_info,
}
"""The methods of this module by name."""
