"""The menu that offers an assessment as a file, and what a person is told where that fails."""

from __future__ import annotations

from typing import Any, Final

from bot.export.kinds import Kind
from bot.slack.cards import Notice
from bot.slack.elements import notice, option, section
from bot.slack.errors import SlackError

__all__ = ["EXPORT", "export_menu", "failed_notice", "not_shared_notice", "too_old_notice", "wanted"]

EXPORT: Final = "export_assessment"
"""Action id of the menu; a choice is the kind and the turn id, ``pdf:t1f…``."""

_NO_UPLOADS: Final = frozenset(
    {"file_uploads_disabled", "file_uploads_except_images_disabled", "file_type_not_allowed"}
)


def export_menu(turn_id: str) -> dict[str, Any]:
    """A line in the footer with the kinds of file."""
    block = section("Export this assessment")
    options = [option(kind.label, f"{kind.value}:{turn_id}") for kind in Kind]
    return block | {"accessory": {"type": "overflow", "action_id": EXPORT, "options": options}}


def wanted(value: str) -> tuple[Kind, str] | None:
    """The kind and the turn id of a choice; ``None`` for what is no choice of ours."""
    kind, _, turn_id = value.partition(":")
    return (Kind(kind), turn_id) if kind in set(Kind) and turn_id else None


def too_old_notice() -> Notice:
    """The assessment is no longer kept, or was forgotten on somebody's wish."""
    return notice(
        "I no longer keep that assessment, so I cannot make a file of it. Ask the question again in a new "
        "message, and export the new answer."
    )


def failed_notice(kind: Kind) -> Notice:
    """The file could not be made."""
    return notice(
        f"The {kind.label} file could not be made. Try another format, or tell whoever runs this app."
    )


def not_shared_notice(kind: Kind, error: SlackError) -> Notice:
    """Slack did not take the file."""
    if error.code == "missing_scope":
        return notice(
            "This app may not upload files here yet. Ask whoever runs it to add the scope files:write and to "
            "install it again."
        )
    if error.code in _NO_UPLOADS:
        return notice(
            f"This workspace does not allow {kind.label} files to be uploaded. Its administrators can change "
            "that."
        )
    return notice(f"The {kind.label} file is made, but Slack did not take it. Please try again in a minute.")
