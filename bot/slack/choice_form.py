"""The settings on the home tab, and the form that sets a channel's agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bot.assessment.languages import LANGUAGES
from bot.choices import Choices
from bot.slack.cards import Listed
from bot.slack.elements import Message, actions, button, option, plain, section
from bot.slack.inputs import channel_select, input_block
from bot.slack.limits import OPTIONS
from bot.slack.text_safety import safe_mrkdwn
from personas.desk import BRIEF, IN_DEPTH
from personas.persona import Persona

__all__ = [
    "AGENT",
    "AGENT_FORM",
    "CHANNEL",
    "CHOOSE_DEPTH",
    "CHOOSE_LANGUAGE",
    "ENGLISH",
    "NOBODY",
    "OPEN_AGENT_FORM",
    "agent_announcement",
    "agent_form",
    "choice_blocks",
]

CHOOSE_DEPTH: Final = "choose_depth"
CHOOSE_LANGUAGE: Final = "choose_language"
OPEN_AGENT_FORM: Final = "open_agent_form"
AGENT_FORM: Final = "channel_agent"
CHANNEL: Final = "channel"
AGENT: Final = "agent"
"""Action ids of the tab; the form's callback id and its fields."""

ENGLISH: Final = "en"
NOBODY: Final = "nobody"
"""Values that stand for nothing special."""


def choice_blocks(
    choices: Choices, agents: Sequence[tuple[str, Persona]], *, bound: bool
) -> list[dict[str, Any]]:
    """What is set, and how to change it; ``bound``: in an app that is one persona, nobody need be named."""
    depths = [option("In depth", IN_DEPTH), option("Brief", BRIEF)]
    languages = [
        option("English", ENGLISH),
        *(option(f"{each.native} ({each.name})", each.code) for each in LANGUAGES.values()),
    ]
    blocks = [
        section("*Depth of your answers*\nUnless you write “brief:” or “in depth:” before a question.")
        | {"accessory": _menu(CHOOSE_DEPTH, depths, choices.depth or IN_DEPTH)},
        section(
            "*Language of your answers*\nHeadings, likelihoods and what stands around the text stay English."
        )
        | {"accessory": _menu(CHOOSE_LANGUAGE, languages, choices.language or ENGLISH)},
    ]
    if bound:
        return blocks
    agent = section("*Agent of a channel*\nWho is asked where a question in the channel names nobody.")
    for channel, persona in agents:
        agent["text"]["text"] += f"\n<#{channel}>: {safe_mrkdwn(persona.display_name).text}"
    return [*blocks, agent, actions(button("Set a channel’s agent", OPEN_AGENT_FORM, "open"))]


def _menu(action_id: str, options: list[dict[str, Any]], chosen: str) -> dict[str, Any]:
    initial = next((entry for entry in options if entry["value"] == chosen), options[0])
    return {
        "type": "static_select",
        "action_id": action_id,
        "options": options,
        "initial_option": initial,
    }


def agent_form(personas: Sequence[Listed]) -> dict[str, Any]:
    """The view for ``views.open``."""
    options = [
        option("Nobody: a question has to name its agent", NOBODY),
        *(option(f"{persona.code}, {persona.name}", persona.code) for persona in personas[: OPTIONS - 1]),
    ]
    menu = {"type": "static_select", "placeholder": plain("Choose an agent", 150), "options": options}
    return {
        "type": "modal",
        "callback_id": AGENT_FORM,
        "title": plain("Agent of a channel", 24),
        "submit": plain("Set", 24),
        "close": plain("Cancel", 24),
        "blocks": [
            input_block(CHANNEL, "Channel", channel_select(""), hint="You and I have to be in it."),
            input_block(AGENT, "Agent", menu, hint="Everybody in the channel is told."),
        ],
    }


def agent_announcement(by: str, persona: Listed | None) -> Message:
    """What the channel is told."""
    if persona is None:
        words = "decided that questions to me in this channel have to name their agent."
    else:
        who = f"{safe_mrkdwn(persona.code).text}, {safe_mrkdwn(persona.name).text}"
        words = f"decided that questions to me in this channel ask {who}, where they name nobody."
    text = f"<@{by}> {words}"
    return Message(text, ({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]},))
