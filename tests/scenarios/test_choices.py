"""The settings on the home tab: what goes for questions that leave it open."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.choices import Choices
from bot.commands import demo_workspace
from bot.sandbox import WorkspaceConfig
from bot.sandbox.records import View
from bot.slack import choice_form, forms
from bot.store.choice_store import ChoiceStore
from bot.turns import Turn
from tests.support.desk import CHANNEL, PERSONAS, TEAM, OpenDesk, kind_of, open_desk, words_of
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

RANDOM = "C0RANDOM"
ASKS_NOBODY = "What of gallium?"


def workspace() -> WorkspaceConfig:
    """The workspace of ``country-agents sandbox``: the app asks for what it asks for in earnest."""
    return replace(demo_workspace(PERSONAS, {}), rate_limits=False)


async def home(desk: OpenDesk, user: str = "dana") -> View:
    """The home tab, freshly opened."""
    before = len(desk.calls("views.publish"))
    desk.sandbox.people.open_home(user)
    await desk.until(lambda: len(desk.calls("views.publish")) > before)
    person = desk.sandbox.workspace.person(user).id
    return next(view for (_, owner), view in desk.sandbox.workspace.homes.items() if owner == person)


async def opened(desk: OpenDesk, callback_id: str) -> View:
    """The form, once it is open."""

    def found() -> View | None:
        views = reversed(desk.sandbox.workspace.views.values())
        return next((view for view in views if view.payload.get("callback_id") == callback_id), None)

    view = await desk.until(found)
    assert view is not None
    return view


async def choose(desk: OpenDesk, action_id: str, value: str) -> None:
    """Choose an entry in one of the tab's menus."""
    view = await home(desk)
    shown = len(desk.calls("views.publish"))
    chosen = {"value": value}
    delivery = await desk.sandbox.interactions.click_in_view("dana", view.id, action_id, chosen=chosen)
    assert delivery.outcome == "acked"
    await desk.until(lambda: len(desk.calls("views.publish")) > shown)


async def set_agent(desk: OpenDesk, channel: str, code: str, user: str = "dana") -> dict[str, Any]:
    """Fill the form of a channel's agent in, and send it off; what is wrong."""
    view = await home(desk, user)
    await desk.sandbox.interactions.click_in_view(user, view.id, choice_form.OPEN_AGENT_FORM)
    form = await opened(desk, choice_form.AGENT_FORM)
    state: dict[str, Any] = {
        choice_form.CHANNEL: {choice_form.CHANNEL: {"selected_conversation": channel}},
        choice_form.AGENT: {choice_form.AGENT: {"selected_option": {"value": code}}},
    }
    return await desk.sandbox.interactions.submit_view(user, form.id, state)


def announced(desk: OpenDesk, channel: str) -> list[str]:
    """What the channel was told."""
    messages = desk.sandbox.workspace.channel(channel).messages.values()
    return [message.text for message in messages if "decided that questions" in message.text]


async def turn_of(desk: OpenDesk, ts: str) -> Turn:
    """The turn that a mention began."""
    await desk.idle()
    turn = await desk.store.turn(desk.turn_id(ts))
    assert turn is not None
    return turn


async def test_depth_goes_for_questions_that_do_not_say(valkey: RealValkey) -> None:
    """Of mentions and in direct messages, not of follow-ups; the form begins with it; the tab shows it."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await choose(desk, choice_form.CHOOSE_DEPTH, "brief")
        assert '"initial_option": {"text": {"type": "plain_text", "text": "Brief"' in json.dumps(
            (await home(desk)).payload
        )
        brief, deep = await desk.ask(), await desk.ask(f"CN-01 in depth: {QUESTION}")
        others = await desk.ask(user="kim")
        assert (await turn_of(desk, brief)).format == "brief"
        assert (await turn_of(desk, deep)).format == "in-depth"
        assert (await turn_of(desk, deep)).question.text == QUESTION
        assert (await turn_of(desk, others)).format == "in-depth"
        direct = desk.sandbox.workspace.direct_message("U0DANA", "U0AGENTS").id
        alone = await desk.sandbox.post_as_user("dana", direct, f"CN-01 {QUESTION}")
        desk.asked[alone] = direct
        assert (await turn_of(desk, alone)).format == "brief"
        await desk.answered(deep)
        await desk.ask("CN-01 why J1?", thread_ts=deep)
        await desk.answered(deep, times=2)
        assert "Follow-up" in words_of(desk.of_kind(deep, "card")[-1])
        await desk.sandbox.command("dana", CHANNEL, "/assess")
        form = await opened(desk, forms.FORM)
        depth = next(block for block in form.payload["blocks"] if block.get("block_id") == forms.DEPTH)
        assert depth["element"]["initial_option"]["value"] == "brief"


async def test_the_language_reaches_the_model_and_the_reader_is_told_what_stays_english(
    valkey: RealValkey,
) -> None:
    """From a mention as from the command; back to English is a choice, too."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await choose(desk, choice_form.CHOOSE_LANGUAGE, "de")
        ts = await desk.ask(f"CN-01 brief: {QUESTION}")
        await desk.answered(ts)
        assert all("Write in German (Deutsch)" in request.context for request in desk.model.requests)
        assert "Written in German" in words_of(desk.of_kind(ts, "footer")[-1])
        asked = len(desk.model.requests)
        await desk.sandbox.command("dana", CHANNEL, "/assess", f"brief CN {QUESTION}")
        await desk.until(lambda: len(desk.model.requests) > asked)
        assert "Write in German" in desk.model.requests[asked].context
        await choose(desk, choice_form.CHOOSE_LANGUAGE, "en")
        english = await desk.ask(f"CN-01 brief: {QUESTION}")
        assert (await turn_of(desk, english)).question.language == ""


async def test_a_channels_agent_is_asked_where_a_question_names_nobody(valkey: RealValkey) -> None:
    """The channel is told; a named agent, and a mistyped code, are what they were; the command and the form
    know it, too; nobody is a choice.
    """
    async with open_desk(valkey, workspace=workspace()) as desk:
        await set_agent(desk, CHANNEL, "JP-01")
        (told,) = announced(desk, CHANNEL)
        assert told.startswith(
            "<@U0DANA> decided that questions to me in this channel ask JP-01, Japan Agent"
        )
        await desk.until(lambda: "<#C0DESK>: JP-01" in _shown_at_home(desk))
        unnamed = await desk.ask(ASKS_NOBODY, user="kim")
        assert (await turn_of(desk, unnamed)).persona == "JP-01"
        named = await desk.ask(f"CN-01 {ASKS_NOBODY}", user="kim")
        assert (await turn_of(desk, named)).persona == "CN-01"
        mistyped = await desk.ask(f"CN-9 {ASKS_NOBODY}", user="kim")
        await desk.idle()
        assert await desk.store.turn(desk.turn_id(mistyped)) is None
        await desk.sandbox.command("kim", CHANNEL, "/assess", ASKS_NOBODY)
        messages = desk.sandbox.workspace.channel(CHANNEL).messages
        asked = await desk.until(
            lambda: [message for message in messages.values() if kind_of(message) == "question"]
        )
        assert "JP-01" in words_of(asked[0])
        await set_agent(desk, CHANNEL, choice_form.NOBODY)
        again = await desk.ask(ASKS_NOBODY, user="kim")
        await desk.idle()
        assert await desk.store.turn(desk.turn_id(again)) is None
        assert len(announced(desk, CHANNEL)) == 2


def test_an_app_that_is_one_persona_has_no_agents_to_choose() -> None:
    """There nobody need be named."""
    shown = json.dumps(choice_form.choice_blocks(Choices(), (), bound=True))
    assert choice_form.CHOOSE_LANGUAGE in shown
    assert choice_form.OPEN_AGENT_FORM not in shown


def _shown_at_home(desk: OpenDesk) -> str:
    return json.dumps([view.payload for view in desk.sandbox.workspace.homes.values()])


@pytest.mark.parametrize(
    ("channel", "told"), [(CHANNEL, "Only people in the channel"), (RANDOM, "I am not in that channel")]
)
async def test_only_people_in_a_channel_set_its_agent(valkey: RealValkey, channel: str, told: str) -> None:
    """And only where the app is; the form stays open and says so."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        desk.sandbox.workspace.channel(CHANNEL).members.remove("U0KIM")
        wrong = await set_agent(desk, channel, "JP-01", user="kim")
        assert told in json.dumps(wrong)
        assert announced(desk, channel) == []
        assert (await ChoiceStore(desk.redis).defaults(TEAM, channel, "U0DANA")).agent == ""
