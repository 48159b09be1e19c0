"""Who may change what goes for a channel: people in it, while the app is in it, too."""

from __future__ import annotations

import structlog

from bot.errors import CountryAgentsError
from bot.slack.api import SlackApi
from bot.slack.channels import ChannelCalls
from bot.slack.errors import SlackGoneError

__all__ = ["NotAllowedError", "check_membership", "not_allowed"]

log = structlog.get_logger()


class NotAllowedError(CountryAgentsError):
    """The person is not in the channel, or the app is not; ``user_message`` says what to do."""


def not_allowed(sentence: str) -> NotAllowedError:
    """The error that tells the person this."""
    error = NotAllowedError(sentence)
    error.user_message = sentence
    return error


async def check_membership(
    api: SlackApi, channel: str, user: str, *, bot_user_id: str, bot_name: str, of_what: str
) -> None:
    """Both the person and the app must be in the channel to change its ``of_what``. Raises
    ``NotAllowedError`` or a ``SlackError``.
    """
    try:
        person, app = await ChannelCalls(api).are_members(channel, user, bot_user_id)
    except SlackGoneError as error:
        if error.code == "missing_scope":
            raise not_allowed(
                "I may not see who is in a channel. Ask whoever runs me to add the scopes channels:read and "
                "groups:read, or use the app of the whole desk."
            ) from error
        person, app = True, False
        log.info("membership.channel_closed", channel=channel, code=error.code)
    if not app:
        raise not_allowed(f"I am not in that channel. Type `/invite @{bot_name}` there, then try again.")
    if not person:
        raise not_allowed(f"Only people in the channel may change its {of_what}. Please join it first.")
