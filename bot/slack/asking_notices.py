"""What people are shown around a question that is no message of theirs: one of a command, a form, a shortcut.

The question itself as we post it, help, and a way out wherever it cannot be asked. A command or a form is
gone once it is sent, so every refusal gives the person's words back for copying.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

from bot.doorkeeper import Unwelcome
from bot.slack.cards import Listed, Notice
from bot.slack.elements import (
    Message,
    actions,
    button,
    context,
    copyable,
    fallback,
    lines_within,
    notice,
    option,
    plain,
    quote,
)
from bot.slack.limits import COPIED_CHARS, OPTIONS, SECTION_CHARS
from bot.slack.text_safety import safe_mrkdwn
from bot.turns import Question
from personas.enumeration import enumerated

__all__ = [
    "ASK_DIRECT",
    "ASK_HERE",
    "ASK_WHOM",
    "JOIN",
    "Place",
    "cannot_write_notice",
    "desk_list_notice",
    "form_failed_notice",
    "gave_up_notice",
    "help_notice",
    "join_failed_notice",
    "not_here_notice",
    "not_taken_notice",
    "nothing_to_read_notice",
    "question_message",
    "said_notice",
    "too_long_to_ask_notice",
    "unwelcome_notice",
    "whom_message",
]

JOIN: Final = "join_and_ask"
ASK_HERE: Final = "ask_here"
ASK_DIRECT: Final = "ask_direct"
"""Action ids of the ways out; each button's value is the id of the kept question."""

ASK_WHOM: Final = "ask_whom"
"""Begins the action ids of the choice of a persona; a value is ``<kept question>:<code>``."""

Place = Literal["public", "private", "conversation"]
"""Where we are not: ``conversation`` is a direct message between people, which takes no apps."""

_QUESTION_CHARS: Final = 8_000
"""Characters of a question in our message: beyond the default limit of a question; all blocks hold 12,000."""
_MATERIAL_CHARS: Final = 600
"""Characters of the material below it: readers know it or can open it."""
_MATERIALS: Final = 4
_NEAREST: Final = 3
"""Buttons for those likeliest meant: one row on a phone."""

_USER_ID: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_MONTHS_A_YEAR: Final = 12


def horizon_words(months: int) -> str:
    """``looking 3 months ahead``; empty without a chosen horizon."""
    if not months:
        return ""
    years, rest = divmod(months, _MONTHS_A_YEAR)
    unit, count = ("year", years) if not rest else ("month", months)
    return f"looking {count} {unit}{'' if count == 1 else 's'} ahead"


# In the channel -----------------------------------------------------------------------------------------


def question_message(user_id: str, asked: Sequence[Listed], format_name: str, question: Question) -> Message:
    """The question as we post it, quoted, with its author named.

    The mention makes the author a follower of the thread, as who writes a message is of its own.
    """
    who = f"<@{user_id}> asks" if _USER_ID.fullmatch(user_id) else "A question to"
    codes = enumerated(persona.code for persona in asked)
    whom = codes if len(asked) > 1 else f"{codes}, {asked[0].name}"
    about = (whom, format_name, horizon_words(question.horizon_months))
    head = context("")
    head["elements"][0]["text"] = f"{who} " + safe_mrkdwn(" · ".join(filter(None, about))).text
    blocks = [head]
    if question.text.strip():
        blocks.append(quote(question.text, _QUESTION_CHARS))
    for material in question.quoted[:_MATERIALS]:
        blocks += [context(f"About these words of {material.author}:"), quote(material.text, _MATERIAL_CHARS)]
    words = question.text or (question.quoted[0].text if question.quoted else "")
    return Message(fallback(f"A question to {codes}: {words}"), tuple(blocks))


def whom_message(personas: Sequence[Listed], nearest: Sequence[Listed], kept_id: str) -> Message:
    """The question named nobody: who is there, to be chosen. ``kept_id``: of the kept question."""
    text = "Whom do you ask? Choose one; next time begin with a code or a country, such as “CN-01 …”."
    likely = [
        button(f"{persona.code}, {persona.name}", f"{ASK_WHOM}:{persona.code}", f"{kept_id}:{persona.code}")
        for persona in nearest[:_NEAREST]
    ]
    menu = {
        "type": "static_select",
        "action_id": ASK_WHOM,
        "placeholder": plain("Choose a country agent", 150),
        "options": [
            option(f"{persona.code}, {persona.name}", f"{kept_id}:{persona.code}")
            for persona in personas[:OPTIONS]
        ],
    }
    return notice(text, actions(*likely, menu))


# To one person ------------------------------------------------------------------------------------------


def help_notice(command: str, *, bot_user_id: str) -> Notice:
    """How to ask. ``command``: as it is called here, ``/assess``."""
    lines = (
        f"• `{command} CN-01 What does the truce change?` asks China’s agent; the answer comes here",
        f"• `{command} brief US …` gets a short answer; a country’s name works like its code",
        f"• `{command} compare CN-01 US-01 …` sets the views of several side by side in a table",
        f"• `{command}` alone opens a form: one agent or several, depth, horizon, an answer for you alone",
        f"• `{command} list` shows who is on the desk",
        f"• `{command} forget` and a message’s link removes what I keep of its thread",
        "• “Assess this message” is in the menu of every message",
        f"• Mention <@{bot_user_id}> in a channel or a thread, or write to it directly",
    )
    return notice("How to ask the desk:", trusted="\n".join(lines))


def desk_list_notice(command: str, personas: Sequence[Listed]) -> Notice:
    """Who is on the desk, and how to ask each."""
    lines = [
        f"• *{safe_mrkdwn(who.code).text}* {safe_mrkdwn(who.name).text} — `{command} {who.code} …`"
        for who in personas
    ]
    return notice("The desk:", trusted=lines_within(lines, SECTION_CHARS - 50))


def not_taken_notice(text: str) -> Notice:
    """The queue is down: a command or a press is never delivered again."""
    said = (
        "I cannot take questions at the moment, and yours was not taken. Please send it again in a minute; "
        "here it is to copy:"
    )
    return notice(said, copyable(text, COPIED_CHARS))


def too_long_to_ask_notice(length: int, limit: int, text: str) -> Notice:
    """A question longer than we take, in characters."""
    said = (
        f"That question has {length:,} characters, and I can take {limit:,}. Please shorten it; here it is "
        "to copy:"
    )
    return notice(said, copyable(text, COPIED_CHARS))


def form_failed_notice(text: str) -> Notice:
    """Slack did not open the form: its trigger lives for three seconds. ``text``: what was typed, if any."""
    said = "Slack did not open the form in time. Please try again."
    return (
        notice(f"{said} Here are your words to copy:", copyable(text, COPIED_CHARS)) if text else notice(said)
    )


def nothing_to_read_notice() -> Notice:
    """A shortcut on a message of pictures or files alone."""
    return notice("There are no words in that message that I could read. Pictures and files I do not open.")


_UNWELCOME: Final = {
    Unwelcome.STRANGER: (
        "I answer people of this organisation only. Please ask a colleague here to ask for you."
    ),
    Unwelcome.GUEST: "I do not answer guests of this workspace. Please ask a colleague here to ask for you.",
    Unwelcome.CHANNEL: (
        "I am not set up to answer in this channel. Ask me in a direct message, or tell whoever runs me."
    ),
}


def unwelcome_notice(why: Unwelcome) -> Notice:
    """The operator does not want this person, or this channel, answered."""
    return notice(_UNWELCOME[why])


def said_notice(sentence: str) -> Notice:
    """One sentence of ours."""
    return notice(sentence)


def not_here_notice(place: Place, kept_id: str, *, bot_name: str, can_join: bool, text: str) -> Notice:
    """We are no member where the question was asked: every way to an answer all the same."""
    directly = button("Answer in a direct message", ASK_DIRECT, kept_id)
    if place == "conversation":
        said = (
            "I cannot write into a conversation between people. I can answer you alone, in a direct message."
        )
        return notice(said, actions(directly), copyable(text, COPIED_CHARS))
    where = "this private channel" if place == "private" else "this channel"
    invite = f"/invite @{bot_name}"
    again = button("Ask here again", ASK_HERE, kept_id)
    if place == "public" and can_join:
        said = f"I am not in {where}, so I cannot answer here yet. I can join it, or you send this line:"
        join = button("Join and answer here", JOIN, kept_id, "primary")
        return notice(said, copyable(invite, COPIED_CHARS), actions(join, again, directly))
    said = (
        f"I am not in {where}, so I cannot answer here yet. Send this line here, then press “Ask here again”:"
    )
    return notice(said, copyable(invite, COPIED_CHARS), actions(again, directly))


def join_failed_notice(kept_id: str, *, bot_name: str) -> Notice:
    """Slack did not let us join."""
    said = "Slack did not let me join this channel. Send this line here, then press “Ask here again”:"
    again, directly = (
        button("Ask here again", ASK_HERE, kept_id),
        button("Answer in a direct message", ASK_DIRECT, kept_id),
    )
    return notice(said, copyable(f"/invite @{bot_name}", COPIED_CHARS), actions(again, directly))


_REASONS: Final = {
    "is_archived": "This channel is archived, so I cannot answer here.",
    "messages_tab_disabled": "I cannot write to you directly: the app’s messages tab is switched off.",
    "cannot_dm_bot": "I cannot write to you directly.",
    "user_disabled": "I cannot write to you directly.",
    "thread_not_found": "That message is gone, so I cannot answer below it.",
    "cannot_reply_to_message": "Slack does not let me answer below that message.",
}
"""Slack's error code -> what it means to who asked."""


def cannot_write_notice(code: str, kept_id: str, text: str, *, direct: bool) -> Notice:
    """Slack does not let us write where the question was asked; ``direct``: in the direct message."""
    said = _REASONS.get(code, "The workspace does not let me write here.")
    ways = () if direct else (actions(button("Answer in a direct message", ASK_DIRECT, kept_id)),)
    return notice(f"{said} Here is your question to copy:", copyable(text, COPIED_CHARS), *ways)


def gave_up_notice(text: str) -> Notice:
    """Several attempts to post the question failed."""
    said = (
        "I tried several times and could not ask this. Please try again in a few minutes; here it is to copy:"
    )
    return notice(said, copyable(text, COPIED_CHARS))
