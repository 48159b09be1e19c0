"""What Slack can answer, as errors that say what to do next."""

from __future__ import annotations

from typing import Final

from bot.errors import CountryAgentsError

__all__ = [
    "MessageMissingError",
    "SlackError",
    "SlackGoneError",
    "SlackOutcomeUnknownError",
    "SlackRateLimitedError",
    "SlackRefusedError",
    "SlackUnavailableError",
    "StoppedByUserError",
    "StreamConflictError",
    "StreamExpiredError",
    "TextTooLongError",
    "error_for",
]


class SlackError(CountryAgentsError):
    """Slack did not do what was asked. ``code`` is Slack's own error code; it never holds text of people."""

    user_message = "Slack did not accept our answer. Please try again in a minute."

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.method = method
        self.code = code


class SlackRefusedError(SlackError):
    """Slack understood the call and said no; saying it again will not help."""


class SlackGoneError(SlackError):
    """The place or our right to write there is gone: the turn ends."""

    user_message = (
        "I can no longer write in that conversation. Please invite me again, or ask an administrator "
        "to check the app's installation."
    )


class MessageMissingError(SlackError):
    """The message was deleted, or never was."""

    user_message = "The message I was writing was deleted."


class StreamExpiredError(SlackError):
    """The stream has ended (five minutes after its start, or by someone else): the text can still be
    written with chat.update.
    """


class StreamConflictError(SlackError):
    """chat.update while the message still streams: stop the stream first."""


class TextTooLongError(SlackError):
    """The message is full; the text of this call is not in it."""


class StoppedByUserError(SlackError):
    """A person pressed Slack's own stop button."""

    user_message = "Stopped."


class SlackRateLimitedError(SlackError):
    """429, nothing was done; ``retry_after_seconds`` is Slack's own wish."""

    user_message = "Slack asks us to slow down. Please try again in a minute."

    def __init__(self, method: str, retry_after_seconds: float) -> None:
        super().__init__(method, "ratelimited")
        self.retry_after_seconds = retry_after_seconds


class SlackUnavailableError(SlackError):
    """Slack cannot be reached or is failing, and nothing was done (or the call may be repeated)."""

    user_message = "Slack is having trouble at the moment. Please try again in a minute."


class SlackOutcomeUnknownError(SlackError):
    """The call left and no answer came: it may have been done. Read the thread before doing it again."""

    user_message = "Slack is having trouble at the moment. Please try again in a minute."


_GONE: Final = frozenset(
    {
        "account_inactive",
        "app_access_restricted",
        "cannot_reply_to_message",
        "channel_not_found",
        "ekm_access_denied",
        "external_channel_migrating",
        "invalid_auth",
        "invalid_thread_ts",
        "is_archived",
        "is_inactive",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "org_login_required",
        "posting_to_channel_denied",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
        "team_added_to_org",
        "team_not_found",
        "thread_not_found",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
        "user_not_in_channel",
    }
)
"""Codes after which no call to that place can succeed. ``restricted_action`` is a workspace's setting
on who may post, so a post would be refused just as the stream was.
"""

_BY_CODE: Final[dict[str, type[SlackError]]] = {
    "message_not_in_streaming_state": StreamExpiredError,
    "streaming_state_conflict": StreamConflictError,
    "msg_too_long": TextTooLongError,
    "msg_blocks_too_long": TextTooLongError,
    "stopped_by_user": StoppedByUserError,
    "message_not_found": MessageMissingError,
    "cant_update_message": MessageMissingError,
    "service_unavailable": SlackUnavailableError,
    "team_is_being_migrated": SlackUnavailableError,
    # Slack documents for these three that the operation may have been carried out in part.
    "fatal_error": SlackOutcomeUnknownError,
    "internal_error": SlackOutcomeUnknownError,
    "request_timeout": SlackOutcomeUnknownError,
} | dict.fromkeys(_GONE, SlackGoneError)


def error_for(method: str, code: str) -> SlackError:
    """Our error for Slack's ``error`` code in an ``ok: false`` answer."""
    return _BY_CODE.get(code, SlackRefusedError)(method, code)
