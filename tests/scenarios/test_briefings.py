"""``/briefing``, from the form to the posted briefing and the question in its thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import commands
from bot.demo_workspace import demo_workspace
from bot.evidence.items import SourceFailure
from bot.sandbox import WorkspaceConfig
from bot.sandbox.messages import Message
from bot.sandbox.records import View
from bot.slack import briefing_form as form
from tests.support.briefing_script import briefing_answer
from tests.support.desk import CHANNEL, PERSONAS, OpenDesk, open_desk, words_of
from tests.support.evidence_desk import ScriptedDesk, item
from tests.support.model_replies import ModelRequest, Reply
from tests.support.valkey import RealValkey

TRANSPORTS = pytest.mark.parametrize("transport", ["socket", "http"])
BRIEFING = "country_agents_briefing"


def workspace(**app: Any) -> WorkspaceConfig:
    """The workspace of ``country-agents sandbox``."""
    config = demo_workspace(PERSONAS, {})
    return replace(config, apps=(replace(config.apps[0], **app),), rate_limits=False)


def morning(*numbers: int, failures: int = 0) -> ScriptedDesk:
    """Sources that had news an hour ago."""
    now = datetime.now(UTC)
    items = [
        item(
            number,
            f"The ministry raised quota {number} by 12 per cent <!channel>.",
            title=f"Quota number {number} for magnets raised",
            published_at=now - timedelta(hours=1),
            retrieved_at=now,
        )
        for number in numbers
    ]
    return ScriptedDesk(items, failures=[SourceFailure(f"Source {n}", "timed out") for n in range(failures)])


async def run(desk: OpenDesk, text: str = "", *, channel: str = CHANNEL, user: str = "dana") -> None:
    """Run the command; the app answers in time."""
    delivery = await desk.sandbox.command(user, channel, "/briefing", text)
    assert delivery.outcome == "acked"


async def opened(desk: OpenDesk) -> View:
    """The form, once it is open."""
    return await desk.until(lambda: next(iter(desk.sandbox.workspace.views.values()), None))


async def schedule(desk: OpenDesk, *, user: str = "dana", channel: str = CHANNEL, **values: Any) -> None:
    """Fill the form in and send it off."""
    await run(desk, user=user, channel=channel)
    view = await opened(desk)
    values = {form.AGENTS: ["CN-01"], form.TOPICS: "rare earths, chips", **values}
    assert (await submit(desk, view, values, user))["response_action"] == "close"


async def submit(desk: OpenDesk, view: View, values: Mapping[str, Any], user: str = "dana") -> dict[str, Any]:
    """Send the form off; what the app made of it."""
    return await desk.sandbox.interactions.submit_view(
        user, view.id, {block: {block: _entry(block, value)} for block, value in values.items()}
    )


def _entry(block: str, value: Any) -> dict[str, Any]:
    match block:
        case form.AGENTS | form.WEEKDAYS:
            return {"selected_options": [{"value": each} for each in value]}
        case form.AT:
            return {"selected_time": value}
        case form.CHANNEL:
            return {"selected_conversation": value}
        case form.TOPICS | form.COUNTRIES:
            return {"value": value}
    return {"selected_option": {"value": value}}


def posts(desk: OpenDesk, channel: str = CHANNEL) -> list[Message]:
    """The app's briefing messages in a channel, threads included."""
    messages = desk.sandbox.workspace.channel(channel).messages.values()
    return [each for each in messages if (each.metadata or {}).get("event_type") == BRIEFING]


def announcements(desk: OpenDesk, channel: str = CHANNEL) -> list[str]:
    """What the channel was told about its briefings."""
    messages = desk.sandbox.workspace.channel(channel).messages.values()
    return [each.text for each in messages if each.app_id and "<@U0DANA>" in each.text]


async def whisper(desk: OpenDesk, contains: str = "") -> Message:
    """The newest private word with these letters in it."""

    def found() -> Message | None:
        return next((each for each in reversed(desk.whispers()) if contains in words_of(each)), None)

    return await desk.until(found)


async def the_id(desk: OpenDesk, wanted: Callable[[str], bool] = lambda _: True) -> str:
    """The id of the channel's briefing."""
    await run(desk, "list")
    words = words_of(await whisper(desk, "New briefing"))
    return next(part for part in words.split("`") if len(part) == 4 and wanted(part))


@TRANSPORTS
async def test_from_the_form_to_the_thread(valkey: RealValkey, transport: str) -> None:
    """Scheduled, announced, run now: a card and its items as the persona, and a question below it."""
    evidence = morning(1, 2)
    async with open_desk(
        valkey, transport=transport, workspace=workspace(), evidence=evidence, script=briefing_answer
    ) as desk:
        await schedule(desk)
        await desk.until(lambda: announcements(desk))
        assert "Mon to Fri at 07:00 (Europe/Berlin), on rare earths, chips" in announcements(desk)[0]
        await run(desk, "run now")
        card, items = await desk.until(lambda: posts(desk) if len(posts(desk)) == 2 else None)
        assert (card.username, items.thread_ts) == ("CN-01, China Agent", card.ts)
        assert "The ministry raised the quota for magnets." in words_of(card)
        words = words_of(items)
        assert "Paper 1" in words
        assert "<!channel>" not in words
        desk.asked[card.ts] = CHANNEL
        await desk.ask("CN-01 brief What does the first item mean?", thread_ts=card.ts)
        await desk.until(lambda: desk.of_kind(card.ts, "footer"))
        await run(desk, "list")
        assert "posted" in words_of(await whisper(desk, "last:"))


async def test_nothing_new_is_said_plainly(valkey: RealValkey) -> None:
    """Where enough sources answered; no model is asked for it."""
    async with open_desk(valkey, workspace=workspace(), evidence=morning()) as desk:
        await schedule(desk)
        await run(desk, "run now")
        card, _ = await desk.until(lambda: posts(desk) if len(posts(desk)) == 2 else None)
        assert "nothing new" in words_of(card)
        assert desk.model.requests == []


async def test_with_too_few_sources_nothing_is_said_to_be_new_or_not(valkey: RealValkey) -> None:
    """How many answered is said instead, and those that failed are named."""
    async with open_desk(valkey, workspace=workspace(), evidence=morning(failures=5)) as desk:
        await schedule(desk)
        await run(desk, "run now")
        card, items = await desk.until(lambda: posts(desk) if len(posts(desk)) == 2 else None)
        assert "only 9 of 14 sources answered" in words_of(card)
        assert "Source 0 (timed out)" in words_of(items)


async def test_a_preview_is_for_one_person(valkey: RealValkey) -> None:
    """The channel sees nothing, and nothing counts as told."""
    async with open_desk(valkey, workspace=workspace(), evidence=morning(1), script=briefing_answer) as desk:
        await schedule(desk)
        await run(desk, "preview")
        assert "Paper 1" in words_of(await whisper(desk, "Paper 1"))
        assert posts(desk) == []
        await run(desk, "run now")
        card, _ = await desk.until(lambda: posts(desk) if len(posts(desk)) == 2 else None)
        assert "The ministry raised the quota" in words_of(card)


async def test_pause_resume_edit_and_delete_are_announced(valkey: RealValkey) -> None:
    """Each by its command, without an id while there is one; with several it is asked which."""
    async with open_desk(valkey, workspace=workspace(), evidence=morning(1)) as desk:
        await run(desk, "pause")
        assert "no briefings" in words_of(await whisper(desk, "no briefings"))
        await schedule(desk)
        for verb, told in (("pause", "paused"), ("resume", "resumed")):
            await run(desk, verb)
            await desk.until(lambda told=told: any(told in each for each in announcements(desk)))
        await run(desk, "edit")
        view = await opened(desk)
        assert view.payload["title"]["text"] == "Change briefing"
        await submit(desk, view, {form.AT: "08:30", form.WEEKDAYS: ["1", "3"]})
        await desk.until(lambda: any("Mon, Wed at 08:30" in each for each in announcements(desk)))
        await schedule(desk, **{form.AGENTS: ["US-01"]})
        await run(desk, "delete")
        first = await whisper(desk, "Which briefing?")
        name = next(
            part.split()[-1] for part in words_of(first).split("`") if part.startswith("/briefing delete")
        )
        await run(desk, f"delete {name}")
        await desk.until(
            lambda: any(f"deleted the briefing `{name}`" in each for each in announcements(desk))
        )
        await run(desk, f"delete {name}")
        assert "no such briefing" in words_of(await whisper(desk, "no such"))


async def test_only_people_in_the_channel_change_its_briefings(valkey: RealValkey) -> None:
    """Nor does the app brief where it is not: the form stays open and says what to type."""
    async with open_desk(valkey, workspace=workspace(), evidence=morning(1)) as desk:
        await run(desk)
        view = await opened(desk)
        answer = await submit(desk, view, {form.AGENTS: ["CN-01"], form.CHANNEL: "C0RANDOM"})
        assert "/invite @agents" in answer["errors"][form.CHANNEL]


async def test_a_closed_channel_pauses_its_briefing_and_its_owner_is_told(valkey: RealValkey) -> None:
    """In a direct message, with what to do."""
    async with open_desk(valkey, workspace=workspace(), evidence=morning(1), script=briefing_answer) as desk:
        await schedule(desk)
        briefing = (await _briefings(desk))[0]
        desk.sandbox.workspace.channel(CHANNEL).members.remove("U0AGENTS")
        office = _office(desk)
        await office.store.save(replace(briefing, revision=9), datetime.now(UTC))
        direct = desk.sandbox.workspace.direct_message("U0DANA", "U0AGENTS").id
        told = await desk.until(
            lambda: [each for each in desk.sandbox.workspace.channel(direct).messages.values() if each.app_id]
        )
        assert "Your briefing is paused" in words_of(told[0])
        assert posts(desk) == []
        async with asyncio.timeout(10):
            while (await _briefings(desk))[0].paused == "":  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def _office(desk: OpenDesk) -> Any:
    assert desk.app is not None
    return desk.app.apps[0].briefings.office


async def _briefings(desk: OpenDesk) -> list[Any]:
    return [armed.briefing for armed in await _office(desk).store.briefings(_office(desk).app_id)]


async def test_the_operator_sees_the_last_runs(
    valkey: RealValkey, capsys: pytest.CaptureFixture[str]
) -> None:
    """``country-agents briefings``: identifiers, states and receipts, and no words of anybody."""
    async with open_desk(valkey, workspace=workspace(), evidence=morning(1), script=briefing_answer) as desk:
        assert await commands.briefings(desk.settings, runs=5) == 0
        assert "There are no briefings" in capsys.readouterr().out
        await schedule(desk)
        await run(desk, "run now")
        card, _ = await desk.until(lambda: posts(desk) if len(posts(desk)) == 2 else None)
        async with asyncio.timeout(10):
            while "posted  attempt 1" not in (said := await _printed(desk, capsys)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert f"{CHANNEL}/{card.ts}" in said
        assert "magnets" not in said


async def _printed(desk: OpenDesk, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    await commands.briefings(desk.settings, runs=5)
    return capsys.readouterr().out


async def test_the_home_tab_shows_desk_questions_and_briefings(valkey: RealValkey) -> None:
    """Who is there, what somebody asked with a link, their briefings with next run and last result; a
    briefing's menu works from there.
    """
    async with open_desk(valkey, workspace=workspace(), evidence=morning(1), script=briefing_answer) as desk:
        ts = await desk.ask("CN-01 brief What of magnets?")
        await desk.answered(ts)
        await desk.at_rest(ts)
        await schedule(desk)
        view = await home(desk)
        words = words_of_view(view)
        for persona in PERSONAS.personas:
            assert persona.display_name in words
        assert "What of magnets?" in words
        assert "answered" in words
        assert f"/archives/{CHANNEL}/p" in words
        assert "not run yet" in words
        await run(desk, "run now")
        await desk.until(lambda: len(posts(desk)) == 2)
        async with asyncio.timeout(10):
            while "posted" not in words_of_view(await home(desk)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def home(desk: OpenDesk) -> Mapping[str, Any]:
    """Open the home tab; what it shows then."""
    before = len(desk.calls("views.publish"))
    desk.sandbox.people.open_home("dana")
    await desk.until(lambda: len(desk.calls("views.publish")) > before)
    (view,) = desk.sandbox.workspace.homes.values()
    return view.payload


def words_of_view(view: Mapping[str, Any]) -> str:
    """All of it."""
    return json.dumps(view, ensure_ascii=False)


async def test_the_briefing_of_somebody_who_left_waits_for_another(valkey: RealValkey) -> None:
    """It comes once more, then the channel is told that it is paused; a colleague resumes it."""
    config = workspace()
    users = tuple(replace(user, deleted=user.id == "U0KIM") for user in config.users)
    async with open_desk(valkey, workspace=replace(config, users=users), evidence=morning(1)) as desk:
        await schedule(desk)
        briefing = (await _briefings(desk))[0]
        gone = next(user.id for user in users if user.deleted)
        office = _office(desk)
        await office.store.save(replace(briefing, owner=gone, revision=9), datetime.now(UTC))
        await desk.until(
            lambda: any(
                "has left" in each.text for each in desk.sandbox.workspace.channel(CHANNEL).messages.values()
            )
        )
        assert len(posts(desk)) == 2
        await run(desk, "resume")
        await desk.until(lambda: any("resumed" in each for each in announcements(desk)))
        assert (await _briefings(desk))[0].owner == "U0DANA"


async def test_news_moves_what_the_desk_has_said_in_the_channel(valkey: RealValkey) -> None:
    """An assessment's judgment is an open point of the next briefing, which says by how much it moves, with a
    link to the thread.
    """

    def moving(request: ModelRequest) -> Reply:
        reply = briefing_answer(request)
        return replace(
            reply, text=reply.text.replace('"moves": "", "percent": 0', '"moves": "J1", "percent": 20')
        )

    async with open_desk(valkey, workspace=workspace(), evidence=morning(1), script=moving) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        await desk.at_rest(ts)
        await schedule(desk)
        await run(desk, "run now")
        _, items = await desk.until(lambda: posts(desk) if len(posts(desk)) == 2 else None)
        words = words_of(items)
        assert "Moves " in words
        assert "J1 of " in words
        assert "lowers from " in words
        assert f"/archives/{CHANNEL}/p{ts.replace('.', '')}" in words
