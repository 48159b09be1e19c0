"""The root of our errors: each says what a person can do next."""

from __future__ import annotations

__all__ = ["CountryAgentsError"]


class CountryAgentsError(Exception):
    """An error whose message is for operators and whose ``user_message`` is for people in Slack.

    ``user_message`` is a whole sentence (or two) that says what happened and what to do next. It
    never holds exception text, a token, an address or a person's words.
    """

    user_message = "Something went wrong on our side. Please ask again in a minute."
