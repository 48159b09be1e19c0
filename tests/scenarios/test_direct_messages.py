"""Direct messages: everything a person writes to the bot asks; and the pane of an app that is an agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.demo_workspace import demo_workspace
from bot.sandbox import WorkspaceConfig
from tests.support.desk import BOT, CHANNEL, PERSONAS, OpenDesk, buttons_of, kind_of, open_desk, words_of
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

DANA = "U0DANA"


def workspace(**app: Any) -> WorkspaceConfig:
    """The workspace of ``country-agents sandbox``."""
    config = demo_workspace(PERSONAS, {})
    return replace(config, apps=(replace(config.apps[0], **app),), rate_limits=False)


async def write(desk: OpenDesk, text: str, *, thread_ts: str | None = None) -> str:
    """Write to the bot alone; the message's ts."""
    direct = desk.sandbox.workspace.direct_message(DANA, BOT).id
    ts = await desk.sandbox.post_as_user("dana", direct, text, thread_ts)
    desk.asked[ts] = direct
    return ts


async def test_no_mention_is_needed(valkey: RealValkey) -> None:
    """The answer stands in the message's thread."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        ts = await write(desk, f"CN-01 brief {QUESTION}")
        kinds = [kind_of(message) for message in await desk.answered(ts)]
        assert kinds == ["card", "text", "footer"]
        assert desk.calls("assistant.threads.setTitle") == []


async def test_who_names_nobody_chooses(valkey: RealValkey) -> None:
    """One message with a button for each agent likely meant and a menu of all; the press asks."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        ts = await write(desk, "brief What does Chna gain from the truce?")
        (choice,) = await desk.until(lambda: desk.replies(ts))
        assert "Whom do you ask?" in words_of(choice)
        assert buttons_of(choice)[-1] == "ask_whom"
        delivery = await desk.sandbox.interactions.click(
            "dana", choice.channel, choice.ts, "ask_whom", chosen={"value": _value(choice, "JP-01")}
        )
        assert delivery.outcome == "acked"
        await desk.answered(ts)
        assert "Japan" in words_of(desk.of_kind(ts, "card")[0])


async def test_a_greeting_there_gets_help_and_no_choice(valkey: RealValkey) -> None:
    """Nobody means an assessment of "hi"."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        ts = await write(desk, "Hi! :wave:")
        (told,) = await desk.until(desk.whispers)
        await desk.idle()
        assert "How to ask the desk" in words_of(told)
        assert desk.replies(ts) == []


async def test_our_own_words_there_ask_nothing(valkey: RealValkey) -> None:
    """No answer to an answer."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        ts = await write(desk, f"CN-01 brief {QUESTION}")
        await desk.answered(ts)
        await desk.idle()
        await desk.at_rest(ts)
        assert len(desk.of_kind(ts, "card")) == 1


async def test_an_agents_pane_suggests_questions_and_names_sessions(valkey: RealValkey) -> None:
    """Prompts when the pane opens, a status while it works, the question's headline as title."""
    scopes = (*workspace().apps[0].scopes, "assistant:write")
    events = (*workspace().apps[0].events, "app_home_opened")
    config = workspace(agent=True, scopes=scopes, events=events)
    async with open_desk(valkey, workspace=config) as desk:
        desk.sandbox.people.open_home("dana", tab="messages")
        direct = desk.sandbox.workspace.direct_message(DANA, BOT)
        prompts = await desk.until(lambda: direct.prompts)
        assert prompts[0]["message"].startswith(PERSONAS.personas[0].code)
        ts = await write(desk, prompts[0]["message"])
        await desk.answered(ts)
        assert direct.titles[ts].startswith(PERSONAS.personas[0].code)
        assert desk.calls("assistant.threads.setStatus")


async def test_a_mention_in_a_channel_gets_no_title(valkey: RealValkey) -> None:
    """Slack knows sessions in direct messages only."""
    scopes = (*workspace().apps[0].scopes, "assistant:write")
    async with open_desk(valkey, workspace=workspace(agent=True, scopes=scopes)) as desk:
        ts = await desk.ask(f"CN-01 brief {QUESTION}", channel=CHANNEL)
        await desk.answered(ts)
        assert desk.calls("assistant.threads.setTitle") == []


def _value(message: Any, code: str) -> str:
    """The value of the menu's entry for a persona."""
    (actions,) = [block for block in message.all_blocks() if block["type"] == "actions"]
    options = actions["elements"][-1]["options"]
    return str(next(option["value"] for option in options if option["value"].endswith(code)))
