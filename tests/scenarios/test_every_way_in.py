"""Every way in, over both transports, with one Slack app and with three in the same process.

Each of the four has one desk for all of its tests; what a way in does beyond its answer is in files of its
own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.demo_workspace import demo_workspace
from bot.sandbox.messages import Message
from bot.slack.answer_controls import FEEDBACK, FORGET_THREAD, REASON
from tests.scenarios.test_exports import choose, files_of
from tests.scenarios.test_follow_ups import KEPT, following
from tests.support.desk import (
    BOT,
    CHANNEL,
    PERSONAS,
    TEAM,
    OpenDesk,
    buttons_of,
    kind_of,
    open_desk,
    words_of,
)
from tests.support.outside import without_outside_settings
from tests.support.several_apps import DESK_APP, OWN_APPS, OWN_BOTS, open_several, workspace_of
from tests.support.valkey import valkey_process

pytestmark = pytest.mark.asyncio(loop_scope="module")

RANDOM, LEADS = "C0RANDOM", "C0LEADS"
DANA = "U0DANA"
ASKED = "brief What follows from the truce?"
FILE_SECONDS = 60.0


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[("socket", 1), ("http", 1), ("socket", 3), ("http", 3)],
    ids=lambda each: f"{each[0]}-{each[1]}",
)
async def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenDesk]:
    """The desk at work, by itself or beside two personas' own apps."""
    transport, apps = request.param
    options: dict[str, Any] = {"script": following([])}
    folder: Path = tmp_path_factory.mktemp("apps")
    with pytest.MonkeyPatch.context() as patch, valkey_process() as valkey:
        without_outside_settings(patch)
        if apps == 1:
            config = replace(demo_workspace(PERSONAS, {}), rate_limits=False)
            async with open_desk(valkey, transport=transport, workspace=config, **options) as running:
                yield running
        else:
            config = workspace_of(transport)
            async with open_several(valkey, folder, workspace=config, **options) as running:
                yield running


def several(desk: OpenDesk) -> bool:
    """Whether personas have apps of their own."""
    return len(desk.sandbox.workspace.apps) > 1


async def answered(desk: OpenDesk, ts: str, *, app_id: str = DESK_APP, times: int = 1) -> list[Message]:
    """Wait for so many answers, of one app and once each."""
    messages = await desk.answered(ts, times=times)
    await desk.idle()
    kinds = [kind_of(message) for message in messages]
    assert (kinds.count("card"), kinds.count("footer")) == (times, times)
    assert {message.app_id for message in messages if kind_of(message) != "question"} == {app_id}
    return messages


async def whispered(desk: OpenDesk, deed: Callable[[], Any], user: str = DANA) -> Message:
    """What the person is told privately after a deed."""
    before = len(desk.whispers(user))
    await deed()
    await desk.until(lambda: len(desk.whispers(user)) > before)
    return desk.whispers(user)[-1]


async def run(desk: OpenDesk, text: str, channel: str = CHANNEL) -> None:
    """Run the command."""
    delivery = await desk.sandbox.command("dana", channel, "/assess", text)
    assert delivery.outcome == "acked"


async def question(desk: OpenDesk, words: str, channel: str = CHANNEL) -> Message:
    """The question as we post it, once it stands there."""

    def found() -> Message | None:
        messages = desk.sandbox.workspace.channel(channel).messages.values()
        asked = (each for each in messages if kind_of(each) == "question" and words in words_of(each))
        return next(asked, None)

    message = await desk.until(found)
    desk.asked[message.thread_ts or message.ts] = channel
    return message


async def form(desk: OpenDesk) -> Any:
    """The form that is open."""

    def opened() -> Any:
        views = desk.sandbox.workspace.views.values()
        return next((view for view in views if view.payload["type"] == "modal"), None)

    return await desk.until(opened)


def direct_to(desk: OpenDesk, bot: str = BOT) -> str:
    """The direct message between Dana and a bot."""
    return desk.sandbox.workspace.direct_message(DANA, bot).id


@pytest.mark.parametrize("channel", [CHANNEL, LEADS], ids=["public", "private"])
async def test_a_mention(desk: OpenDesk, channel: str) -> None:
    """In a public channel and in a private one."""
    await answered(desk, await desk.ask(f"CN-01 {ASKED}", channel=channel))


async def test_a_mention_below_a_colleagues_post(desk: OpenDesk) -> None:
    """The thread's messages are the material."""
    root = await desk.sandbox.post_as_user("kim", CHANNEL, "Beijing halts gallium exports to Japan.")
    await desk.ask("CN-01 brief what do you make of this?", thread_ts=root)
    await answered(desk, root)
    assert "Beijing halts gallium exports" in desk.model.requests[-1].context


async def test_a_follow_up(desk: OpenDesk) -> None:
    """In the thread of an assessment, naming nobody."""
    ts = await desk.ask(f"CN-01 {ASKED}")
    await answered(desk, ts)
    await desk.ask("why is J1 likely?", thread_ts=ts)
    await answered(desk, ts, times=2)
    assert "Follow-up" in words_of(desk.of_kind(ts, "card")[-1])


async def test_the_command_with_a_question(desk: OpenDesk) -> None:
    """The word "payload" in it is a word like any other."""
    await run(desk, "brief CN Does the missile's payload matter? payload=none & more")
    asked = await question(desk, "Does the missile's payload matter? payload=none & more")
    assert "<@U0DANA> asks CN-01, China Agent · Brief" in words_of(asked)
    await answered(desk, asked.ts)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("help", "How to ask"),
        ("What can you do?", "How to ask"),
        ("list", "JP-01"),
        ("forget", "the message’s own link"),
    ],
)
async def test_the_command_explains_itself(desk: OpenDesk, typed: str, said: str) -> None:
    """To the person alone."""
    assert said in words_of(await whispered(desk, lambda: run(desk, typed)))


@pytest.mark.parametrize(
    ("codes", "shown"),
    [
        (["JP-01"], "JP-01, Japan Agent · Brief · looking 6 months ahead"),
        (["CN-01", "JP-01"], "CN-01 and JP-01 · Comparison · looking 6 months ahead"),
    ],
    ids=["one", "several"],
)
async def test_the_form(desk: OpenDesk, codes: list[str], shown: str) -> None:
    """One agent or several, six months ahead, and the answer in the direct message."""
    await run(desk, "")
    state = {
        "personas": {"personas": {"selected_options": [{"value": code} for code in codes]}},
        "question": {"question": {"value": "What about magnets?"}},
        "depth": {"depth": {"selected_option": {"value": "brief"}}},
        "horizon": {"horizon": {"selected_option": {"value": "6"}}},
        "place": {"place": {"selected_option": {"value": "direct"}}},
    }
    sent = await desk.sandbox.interactions.submit_view("dana", (await form(desk)).id, state)
    assert sent["response_action"] == "close"
    await answered(desk, (await question(desk, shown, direct_to(desk))).ts)


async def test_a_public_channel_without_us(desk: OpenDesk) -> None:
    """One press lets us in."""
    told = await whispered(desk, lambda: run(desk, "brief CN In random?", RANDOM))
    assert buttons_of(told) == ["join_and_ask", "ask_here", "ask_direct"]
    assert await desk.press(told, "join_and_ask") == "acked"
    await answered(desk, (await question(desk, "In random?", RANDOM)).ts)


async def test_a_private_channel_without_us(desk: OpenDesk) -> None:
    """The line that invites us, or the answer in the direct message."""
    leads = desk.sandbox.workspace.channel(LEADS)
    desk.sandbox.workspace.leave(leads, BOT)
    told = await whispered(desk, lambda: run(desk, "brief CN Among leads?", LEADS))
    assert "/invite @agents" in words_of(told)
    assert await desk.press(told, "ask_direct") == "acked"
    await answered(desk, (await question(desk, "Among leads?", direct_to(desk))).ts)
    await desk.sandbox.invite(BOT, LEADS)


async def test_the_shortcut_of_a_message(desk: OpenDesk) -> None:
    """The answer stands below the message, which is the material."""
    ts = await desk.sandbox.post_as_user("kim", CHANNEL, "Tokyo answers with a stockpile.")
    await desk.sandbox.interactions.use_shortcut("dana", CHANNEL, ts, "assess_message", app_id=DESK_APP)
    state = {
        "personas": {"personas": {"selected_options": [{"value": "JP-01"}]}},
        "depth": {"depth": {"selected_option": {"value": "brief"}}},
    }
    await desk.sandbox.interactions.submit_view("dana", (await form(desk)).id, state)
    await question(desk, "Kim Ostrowski")
    await answered(desk, ts)
    assert "Tokyo answers with a stockpile." in desk.model.requests[-1].context


async def test_a_direct_message(desk: OpenDesk) -> None:
    """No mention is needed; with an app of its own, nor is the persona's name."""
    for bot, app_id, text in (
        (BOT, DESK_APP, f"CN-01 {ASKED}"),
        (OWN_BOTS["CN-01"], OWN_APPS["CN-01"], ASKED),
    ):
        if bot != BOT and not several(desk):
            continue
        ts = await desk.sandbox.post_as_user("dana", direct_to(desk, bot), text)
        desk.asked[ts] = direct_to(desk, bot)
        await answered(desk, ts, app_id=app_id)
        assert "China Agent" in words_of(desk.of_kind(ts, "card")[0])


async def test_the_home_tab(desk: OpenDesk) -> None:
    """What was asked of the app, and of the desk's app all that was asked; links that are acknowledged."""
    bot, app_id = (OWN_BOTS["CN-01"], OWN_APPS["CN-01"]) if several(desk) else (BOT, DESK_APP)
    ts = await desk.ask("CN-01 brief What of the home tab?", bot=bot)
    await answered(desk, ts, app_id=app_id)
    for app in desk.sandbox.workspace.apps.values():
        before = len(desk.calls("views.publish"))
        desk.sandbox.people.open_home("dana", app.app_id)
        await desk.until(lambda before=before: len(desk.calls("views.publish")) > before)
        view = desk.sandbox.workspace.homes[app.app_id, DANA]
        assert "CN-01, China Agent" in str(view.payload)
        assert ("What of the home tab?" in str(view.payload)) == (app.app_id in {DESK_APP, app_id})
    view = desk.sandbox.workspace.homes[DESK_APP, DANA]
    links = [block["accessory"] for block in view.payload["blocks"] if "url" in block.get("accessory", {})]
    delivery = await desk.sandbox.interactions.click_in_view("dana", view.id, links[0]["action_id"])
    assert delivery.outcome == "acked"


async def test_what_is_below_an_answer(desk: OpenDesk) -> None:
    """Thumb with its reason, file, forgetting: of the app that answered."""
    code, bot = "CN-01", OWN_BOTS["CN-01"] if several(desk) else BOT
    ts = await desk.ask(f"{code} {ASKED}", bot=bot)
    await answered(desk, ts, app_id=OWN_APPS[code] if several(desk) else DESK_APP)
    footer = desk.of_kind(ts, "footer")[0]
    thumbs = footer.all_blocks()[-1]["elements"][0]
    chosen = {"value": thumbs["negative_button"]["value"]}
    pressed = await desk.sandbox.interactions.click("dana", CHANNEL, footer.ts, FEEDBACK, chosen=chosen)
    assert pressed.outcome == "acked"
    reason = {REASON: {REASON: {"value": "No word on prices."}}}
    await desk.sandbox.interactions.submit_view("dana", (await form(desk)).id, reason)
    await choose(desk, footer, "md")
    await desk.until(lambda: files_of(desk, ts), FILE_SECONDS)
    done = await whispered(desk, lambda: desk.press(desk.of_kind(ts, "card")[0], FORGET_THREAD))
    assert "nothing of this thread is kept" in words_of(done)


async def test_forgetting_by_a_link(desk: OpenDesk) -> None:
    """The command takes what "Copy link" gives."""
    ts = await desk.ask(f"CN-01 {ASKED}")
    await answered(desk, ts)
    link = f"forget {desk.sandbox.workspace.url}archives/{CHANNEL}/p{ts.replace('.', '')}"
    assert "nothing of that thread is kept" in words_of(await whispered(desk, lambda: run(desk, link)))
    left = [key async for key in desk.redis.scan_iter(f"*{TEAM}:{CHANNEL}:{ts}*")]
    assert [key for key in left if key.endswith(KEPT)] == []
