"""What people are told by a limit: which one, and when to come back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.admission import AdmissionPolicy, Reason, Refused
from bot.sandbox import Sandbox, WorkspaceConfig
from bot.slack.admission_notices import position_line, refusal_notice
from bot.slack.api import SlackApi, slack_session
from bot.slack.limits import EPHEMERAL_TEXT_CHARS
from tests.slack.conftest import CHANNEL, UnlimitedGovernor

AT = datetime(2026, 11, 22, 14, 31, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reason", "retry_at", "text"),
    [
        (Reason.USER_AT_ONCE, None, "You have 3 assessments running; ask again when one is done."),
        (
            Reason.WORKSPACE_AT_ONCE,
            None,
            "This workspace has 20 assessments running, which is the limit; ask again when one is done.",
        ),
        (
            Reason.USER_HOUR,
            AT,
            "You have asked for 20 assessments in the last hour, which is the limit; ask again at 14:32 UTC.",
        ),
        (
            Reason.WORKSPACE_HOUR,
            AT,
            (
                "This workspace has asked for 100 assessments in the last hour, which is the limit; "
                "ask again at 14:32 UTC."
            ),
        ),
        (
            Reason.TOKENS_DAY,
            datetime(2026, 11, 23, tzinfo=UTC),
            "This workspace has used its budget for today; it opens again at 00:00 UTC.",
        ),
        (
            Reason.MONEY_DAY,
            datetime(2026, 11, 23, tzinfo=UTC),
            "This workspace has used its budget for today; it opens again at 00:00 UTC.",
        ),
    ],
)
def test_a_refusal_says_which_limit_and_when_to_come_back(
    reason: Reason, retry_at: datetime | None, text: str
) -> None:
    """In the person's words; a moment is never earlier than the limit allows."""
    assert refusal_notice(Refused(reason, retry_at), AdmissionPolicy()).text == text


def test_a_moment_is_shown_in_the_readers_own_time() -> None:
    """The block carries Slack's date format, with UTC for clients that do not know it."""
    notice = refusal_notice(Refused(Reason.USER_HOUR, AT), AdmissionPolicy())

    shown = notice.blocks[0]["text"]["text"]
    assert shown.endswith("ask again at <!date^1795357920^{time}|14:32 UTC>.")
    assert datetime.fromtimestamp(1_795_357_920, UTC) == AT.replace(minute=32, second=0)


@given(
    reason=st.sampled_from(Reason),
    limit=st.integers(1, 10**9) | st.none(),
    at=st.none() | st.integers(0, 10**10).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
def test_every_refusal_fits_and_is_a_sentence(reason: Reason, limit: int | None, at: datetime | None) -> None:
    """Whatever the limits are, and even if they were lifted since."""
    policy = AdmissionPolicy(
        per_user_at_once=limit, per_user_hour=limit, per_workspace_at_once=limit, per_workspace_hour=limit
    )
    text = refusal_notice(Refused(reason, at), policy).text
    assert len(text) < EPHEMERAL_TEXT_CHARS
    assert text.endswith(".")
    assert "{" not in text


@pytest.mark.parametrize(
    ("position", "beginning"),
    [
        (1, "next in line"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (21, "21st"),
        (112, "112th"),
        (1002, "1,002nd"),
    ],
)
def test_a_place_in_line_is_said_as_people_say_it(position: int, beginning: str) -> None:
    """An ordinal number."""
    assert position_line(position).startswith(beginning)


async def test_slack_takes_every_refusal_and_nobody_else_sees_it() -> None:
    """The blocks are right, and the date format stays a date."""
    async with Sandbox(WorkspaceConfig()) as sandbox, slack_session() as session:
        token = sandbox.config.apps[0].bot_token
        api = SlackApi(token, UnlimitedGovernor(), session, base_url=sandbox.api_url)
        for reason in Reason:
            notice = refusal_notice(Refused(reason, AT), AdmissionPolicy())
            await api.post_ephemeral(channel=CHANNEL, user="U0DANA", text=notice.text, blocks=notice.blocks)
        assert all(call.ok and not call.unknown_arguments for call in sandbox.calls)
        assert not sandbox.workspace.pings
