"""One process, several Slack apps: the desk, and personas that are bot users of their own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.sandbox.webhooks import signature
from tests.scenarios.test_follow_ups import KEPT, following
from tests.support.desk import CHANNEL, TEAM, dripping, words_of
from tests.support.model_replies import ModelRequest
from tests.support.seed_script import QUESTION
from tests.support.several_apps import DESK_APP, OWN_APPS, OWN_BOTS, open_several, workspace_of
from tests.support.valkey import RealValkey

ASKED = f"brief {QUESTION}"
CHINA, AMERICA = OWN_APPS["CN-01"], OWN_APPS["US-01"]
MIXED = {DESK_APP: "socket", CHINA: "http", AMERICA: "http"}


@pytest.mark.parametrize("transports", ["socket", "http", MIXED], ids=["socket", "http", "mixed"])
async def test_each_answers_in_its_own_name(
    valkey: RealValkey, tmp_path: Path, transports: str | Mapping[str, str]
) -> None:
    """A mention of a persona's own bot needs no code; the desk and its command work beside it."""
    workspace = workspace_of(transports)
    async with open_several(valkey, tmp_path, workspace=workspace) as desk:
        china = await desk.ask(ASKED, bot=OWN_BOTS["CN-01"])
        america = await desk.ask(ASKED, bot=OWN_BOTS["US-01"])
        japan = await desk.ask(f"JP-01 {ASKED}")
        for ts, app_id in ((china, CHINA), (america, AMERICA), (japan, DESK_APP)):
            messages = await desk.answered(ts)
            assert {message.app_id for message in messages} == {app_id}
        direct = desk.sandbox.workspace.direct_message("U0DANA", OWN_BOTS["CN-01"]).id
        alone = await desk.sandbox.post_as_user("dana", direct, ASKED)
        desk.asked[alone] = direct
        assert {message.app_id for message in await desk.answered(alone)} == {CHINA}
        assert "China Agent" in words_of(desk.of_kind(alone, "card")[0])
        for app in workspace.apps:
            assert desk.sandbox.sockets.connection_count(app.app_id) == (1 if app.socket_mode else 0)


async def test_a_message_to_two_is_answered_by_both_and_nothing_else(
    valkey: RealValkey, tmp_path: Path
) -> None:
    """One after the other, and never an answer to an answer."""
    async with open_several(valkey, tmp_path, workspace=workspace_of("socket")) as desk:
        ts = await desk.ask(f"<@{OWN_BOTS['US-01']}> {ASKED}", bot=OWN_BOTS["CN-01"])
        messages = await desk.answered(ts, times=2)
        await desk.idle()
        assert sorted(card.app_id for card in desk.of_kind(ts, "card")) == [CHINA, AMERICA]
        assert len([app_id for app_id, _ in groupby(message.app_id for message in messages)]) == 2


async def test_who_is_asked_while_another_persona_answers_waits_and_goes_on_from_it(
    valkey: RealValkey, tmp_path: Path
) -> None:
    """A thread has one order, whichever apps are asked in it."""
    script = following([])
    async with open_several(
        valkey,
        tmp_path,
        workspace=workspace_of("socket"),
        script=dripping("3", script=script, tokens_per_second=400),
    ) as desk:
        ts = await desk.ask(QUESTION, bot=OWN_BOTS["CN-01"])
        await desk.until(lambda: desk.of_kind(ts, "text"))
        await desk.ask("how do you see it?", bot=OWN_BOTS["US-01"], thread_ts=ts)
        await desk.idle()
        messages = await desk.answered(ts, times=2)
        assert [app_id for app_id, _ in groupby(message.app_id for message in messages)] == [CHINA, AMERICA]
        assert "Follow-up" in words_of(desk.of_kind(ts, "card")[1])


async def test_another_personas_own_bot_goes_on_from_the_assessment_of_the_thread(
    valkey: RealValkey, tmp_path: Path
) -> None:
    """Though each app keeps what was asked of it: a thread is one conversation, and is forgotten as one."""
    seen: list[ModelRequest] = []
    async with open_several(
        valkey, tmp_path, workspace=workspace_of("socket"), script=following(seen)
    ) as desk:
        ts = await desk.ask(ASKED, bot=OWN_BOTS["CN-01"])
        await desk.answered(ts)
        for times, (bot, asked) in enumerate(
            ((OWN_BOTS["US-01"], "how do you see it?"), ("U0AGENTS", "why is that likely?")), start=2
        ):
            await desk.ask(asked, bot=bot, thread_ts=ts)
            await desk.answered(ts, times=times)
        cards = desk.of_kind(ts, "card")
        assert [card.app_id for card in cards] == [CHINA, AMERICA, DESK_APP]
        assert all("Follow-up" in words_of(card) for card in cards[1:])
        assert "CN-01’s assessment" in seen[0].instruction
        assert '<material id="S1"' in seen[0].context
        assert "how do you see it?" in seen[1].instruction
        await desk.sandbox.delete_as_user("dana", CHANNEL, ts)
        await desk.idle()
        left = [key async for key in desk.redis.scan_iter(f"*{TEAM}:{CHANNEL}:{ts}*")]
        assert [key for key in left if key.endswith(KEPT)] == []


async def test_no_app_can_speak_for_another(valkey: RealValkey, tmp_path: Path) -> None:
    """Whatever it is, event, command or press: only the secret of the app it names signs it."""
    config = workspace_of("http")
    secrets = {app.app_id: app.signing_secret for app in config.apps}
    event = (
        b'{"type": "event_callback", "team_id": "T0SANDBOX", "api_app_id": "%s", "event": {"type": '
        b'"app_mention", "user": "U0DANA", "text": "why?", "channel": "C0DESK", "ts": "1.2"}}'
    )
    form = "application/x-www-form-urlencoded"

    def command(app_id: str) -> bytes:
        fields = {"command": "/assess", "text": "help", "api_app_id": app_id, "user_id": "U0DANA"}
        return urlencode(
            fields | {"channel_id": "C0DESK", "team_id": "T0SANDBOX", "trigger_id": "1"}
        ).encode()

    def press(app_id: str) -> bytes:
        what = f'{{"type": "block_actions", "api_app_id": "{app_id}", "actions": []}}'
        return urlencode({"payload": what}).encode()

    async with open_several(valkey, tmp_path, workspace=config) as desk:
        url = f"http://127.0.0.1:{desk.settings.http_port}/slack/events"

        async def sent(body: bytes, kind: str, secret: str) -> int:
            stamp = str(int(time.time()))
            headers = {
                "Content-Type": kind,
                "X-Slack-Request-Timestamp": stamp,
                "X-Slack-Signature": signature(secret, stamp, body),
            }
            async with (
                aiohttp.ClientSession() as session,
                session.post(url, data=body, headers=headers) as got,
            ):
                return got.status

        for signer, secret in (*secrets.items(), ("nobody", "some-other-secret")):
            for named in secrets:
                right = signer == named
                mention = event % named.encode()
                assert (await sent(mention, "application/json", secret) == 200) is right
                assert (await sent(command(named), form, secret) != 401) is right
                assert (await sent(press(named), form, secret) != 401) is right
