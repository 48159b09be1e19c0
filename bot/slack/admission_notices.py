"""What people are told when a limit keeps a question out, or makes it wait.

All words are ours and all values are numbers, so nothing needs neutralising; moments are written in Slack's
date format, which shows them in the reader's own time, with UTC for clients that cannot.
"""

from __future__ import annotations

from datetime import UTC, datetime

from bot.admission import AdmissionPolicy, Reason, Refused
from bot.slack.cards import Notice

__all__ = ["position_line", "refusal_notice"]

_MINUTE_SECONDS = 60


def refusal_notice(refused: Refused, policy: AdmissionPolicy) -> Notice:
    """Why the question was not taken, and when to come back."""
    at, fallback = _moment(refused.retry_at)
    limit = " in the last hour, which is the limit; ask again at {at}."
    match refused.reason:
        case Reason.USER_AT_ONCE:
            text = f"You have {_assessments(policy.per_user_at_once)} running; ask again when one is done."
        case Reason.WORKSPACE_AT_ONCE:
            count = _assessments(policy.per_workspace_at_once)
            text = f"This workspace has {count} running, which is the limit; ask again when one is done."
        case Reason.USER_HOUR:
            text = f"You have asked for {_assessments(policy.per_user_hour)}{limit}"
        case Reason.WORKSPACE_HOUR:
            text = f"This workspace has asked for {_assessments(policy.per_workspace_hour)}{limit}"
        case Reason.TOKENS_DAY | Reason.MONEY_DAY:
            text = "This workspace has used its budget for today; it opens again at {at}."
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text.format(at=at)}}
    return Notice(text.format(at=fallback), (block,))


def position_line(position: int) -> str:
    """The status of a turn that waits for a seat: "3rd in line". ``position`` counts from 1."""
    if position == 1:
        return "next in line; starts when a running assessment is done"
    return f"{_ordinal(position)} in line; starts when earlier assessments are done"


def _assessments(count: int | None) -> str:
    return "too many assessments" if count is None else f"{count:,} assessment{'' if count == 1 else 's'}"


def _ordinal(number: int) -> str:
    teen = number % 100 in (11, 12, 13)
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def _moment(at: datetime | None) -> tuple[str, str]:
    """A moment as Slack's date format and in UTC, rounded up to the minute so that nobody comes early."""
    if at is None:
        return "", ""
    seconds = -(-int(at.timestamp() * 1000) // (_MINUTE_SECONDS * 1000)) * _MINUTE_SECONDS
    fallback = f"{datetime.fromtimestamp(seconds, UTC):%H:%M} UTC"
    return f"<!date^{seconds}^{{time}}|{fallback}>", fallback
