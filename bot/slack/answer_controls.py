"""What a reader may do with a finished answer: judge it, and have its thread forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from bot.slack.elements import Message, actions, button, notice, plain
from bot.slack.limits import TEXT_INPUT_CHARS

__all__ = [
    "FEEDBACK",
    "FORGET_THREAD",
    "REASON",
    "REASON_FORM",
    "forgotten_thread_notice",
    "reason_form",
    "thanks_notice",
    "with_forgetting",
    "with_thumbs",
]

FEEDBACK: Final = "answer_feedback"
FORGET_THREAD: Final = "forget_thread"
REASON_FORM: Final = "feedback_reason"
REASON: Final = "reason"
"""Action ids, the form's callback id, and its only field."""

REASON_CHARS: Final = min(1_000, TEXT_INPUT_CHARS)
"""Of a reason: a paragraph; more is a message to whoever runs the desk."""


def with_thumbs(footer: Message, turn_id: str, persona: str) -> Message:
    """The footer with its row of thumbs."""
    thumbs = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK,
        "positive_button": {"text": plain("This helped", 75), "value": f"up {persona} {turn_id}"},
        "negative_button": {"text": plain("This did not help", 75), "value": f"down {persona} {turn_id}"},
    }
    row = {"type": "context_actions", "elements": [thumbs]}
    return replace(footer, blocks=(*footer.blocks, row))


def with_forgetting(card: Message, turn_id: str) -> Message:
    """The card of an answer that has ended, with the button that has its thread forgotten, after asking."""
    confirm = {
        "title": plain("Forget this thread?", 100),
        "text": plain(
            "The assessments, the questions and what people wrote are removed from my memory, and I can "
            "not answer from them any more. What stands here stays until somebody deletes it.",
            300,
        ),
        "confirm": plain("Forget", 30),
        "deny": plain("Keep", 30),
        "style": "danger",
    }
    forget = button("Forget this thread", FORGET_THREAD, turn_id) | {"confirm": confirm}
    return replace(card, blocks=(*card.blocks, actions(forget)))


def reason_form(*, helped: bool, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The view that asks for a reason, once the press itself is kept."""
    label = "What helped?" if helped else "What was wrong, or missing?"
    element = {
        "type": "plain_text_input",
        "action_id": REASON,
        "multiline": True,
        "max_length": REASON_CHARS,
        "focus_on_load": True,
    }
    return {
        "type": "modal",
        "callback_id": REASON_FORM,
        "title": plain("Thank you, noted", 24),
        "submit": plain("Send", 24),
        "close": plain("No reason", 24),
        "private_metadata": orjson.dumps(metadata).decode(),
        "blocks": [
            {
                "type": "input",
                "block_id": REASON,
                "optional": True,
                "label": plain(label, 2000),
                "element": element,
                "hint": plain("Read by whoever runs the desk. Kept for a few days only.", 2000),
            }
        ],
    }


def thanks_notice() -> Message:
    """Where no form could be opened."""
    return notice("Thank you, that is noted.")


def forgotten_thread_notice(*, found: bool) -> Message:
    """To who had a thread forgotten."""
    return notice(
        "Done: nothing of this thread is kept any more. What stands in Slack stays until somebody deletes it."
        if found
        else "Nothing is kept of this thread."
    )
