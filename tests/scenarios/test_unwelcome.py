"""Who is not answered: strangers of Slack Connect and guests by default, and channels that are not listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.demo_workspace import demo_workspace
from bot.sandbox import WorkspaceConfig
from bot.slack.limits import WriterLimits
from tests.support.desk import CHANNEL, PERSONAS, OpenDesk, open_desk, words_of
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

SHARED = "C0SHARED"
ASKED = f"CN-01 brief {QUESTION}"


def workspace(*, guest: str = "", lacking: str = "", **more: Any) -> WorkspaceConfig:
    """The sandbox's workspace, in which somebody is a guest, or a scope was refused."""
    config = demo_workspace(PERSONAS, {})
    users = tuple(replace(user, is_guest=user.name == guest) for user in config.users)
    scopes = tuple(scope for scope in config.apps[0].scopes if scope != lacking)
    apps = (replace(config.apps[0], scopes=scopes),)
    return replace(config, users=users, apps=apps, rate_limits=False, **more)


async def told(desk: OpenDesk, user_id: str) -> str:
    """The one private sentence a person gets, after which nothing more comes."""
    await desk.until(lambda: desk.whispers(user_id))
    await desk.idle()
    (whisper,) = desk.whispers(user_id)
    assert desk.model.requests == []
    return words_of(whisper)


@pytest.mark.parametrize("lacking", ["", "users:read"], ids=["", "no scope to look"])
async def test_a_stranger_is_told_whom_to_ask(valkey: RealValkey, lacking: str) -> None:
    """In a channel shared with another organisation; colleagues there are answered."""
    async with open_desk(valkey, workspace=workspace(lacking=lacking)) as desk:
        await desk.ask(ASKED, user="noor", channel=SHARED)
        assert "people of this organisation only" in await told(desk, "U0NOOR")
        ts = await desk.ask(ASKED, user="kim", channel=SHARED)
        await desk.answered(ts)


async def test_a_guest_is_told_whom_to_ask_whatever_way_they_try(valkey: RealValkey) -> None:
    """Mention, command, form, and the button of somebody else's message."""
    async with open_desk(valkey, workspace=workspace(guest="kim")) as desk:
        await desk.ask(ASKED, user="kim")
        assert "do not answer guests" in await told(desk, "U0KIM")
        for text in ("CN-01 Why?", ""):
            await desk.sandbox.command("kim", CHANNEL, "/assess", text)
            assert "do not answer guests" in words_of(desk.whispers("U0KIM")[-1])
        assert desk.sandbox.workspace.views == {}
        assert desk.model.requests == []


async def test_the_operator_may_let_both_in(valkey: RealValkey) -> None:
    """By two settings; Slack is not even asked who they are."""
    config = workspace(guest="kim")
    async with open_desk(valkey, workspace=config, strangers="answer", guests="answer") as desk:
        stranger = await desk.ask(ASKED, user="noor", channel=SHARED)
        guest = await desk.ask(ASKED, user="kim")
        await desk.answered(stranger)
        await desk.answered(guest)
        assert desk.calls("users.info") == []


async def test_only_listed_channels_and_direct_messages_are_answered(valkey: RealValkey) -> None:
    """Elsewhere one private sentence, and the way that works."""
    async with open_desk(valkey, workspace=workspace(), channels=f"C0NONE, {SHARED}") as desk:
        await desk.ask(ASKED)
        assert "not set up to answer in this channel" in await told(desk, "U0DANA")
        listed = await desk.ask(ASKED, channel=SHARED)
        direct = desk.sandbox.workspace.direct_message("U0DANA", "U0AGENTS").id
        alone = await desk.sandbox.post_as_user("dana", direct, ASKED)
        desk.asked[alone] = direct
        await desk.answered(listed)
        await desk.answered(alone)


async def test_while_slack_does_not_say_who_it_is_a_question_waits(valkey: RealValkey) -> None:
    """No ack, so that Slack delivers it again; then it is answered once."""
    limits = replace(WorkspaceConfig().limits, redelivery_delays=(0.05, 0.05, 0.05))
    async with open_desk(valkey, workspace=workspace(limits=limits)) as desk:
        desk.sandbox.fail_next("users.info", error="internal_error", times=2 * WriterLimits().call_attempts)
        ts = await desk.ask(ASKED)
        await desk.answered(ts)
        await desk.idle()
        assert {item.attempt for item in desk.sandbox.workspace.deliveries} > {1}
        assert len(desk.of_kind(ts, "card")) == 1
