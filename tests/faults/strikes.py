"""What can happen to a turn: each fault as something that is done to a case at its stage."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from redis.asyncio import Redis

from bot.store.connection import open_redis
from tests.faults.case import Case
from tests.faults.nursery import JUMP_SECONDS
from tests.faults.replicas import Replica
from tests.faults.stages import ACK, AFTER, Stage
from tests.faults.world import SEARCH_TERMS, World
from tests.support.desk import BOT
from tests.support.model_replies import Ending, ModelRequest, Reply
from tests.support.seed_script import answer
from tests.support.valkey import set_clock

__all__ = ["STRIKES", "ActOnAll", "Strike", "crowding", "strike"]

OUTAGE_SECONDS = 1.5
"""How long Redis is away in the table; the long outage has a test of its own."""

GRACE_SECONDS = 0.15
"""A call that was under way when Redis went may still reach Slack."""

PROGRESS_SECONDS = 15.0
"""From a kill to visible progress (issue 3), with a lease of 10 seconds; here it is shorter."""

EXIT_SECONDS = 10.0
"""From SIGTERM to the end of the process (issue 3)."""


def crowding() -> float:
    """By how much a machine that runs much else stretches a time: runnable processes a core, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


Act = Callable[[Case], Awaitable[None]]
ActOnAll = Callable[[World, Sequence[Case]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault: done to each case by itself (``act``), or to the world that all of them live in
    (``act_on_all``). ``held_before``: the stage's Slack call must not have taken effect yet.
    ``reply``: what the model gives for its proper answer, the first time.
    """

    name: str
    family: str
    act: Act | None = None
    act_on_all: ActOnAll | None = None
    held_before: bool = False
    reply: Callable[[Reply], Reply] | None = None

    def replies(self, stage: Stage) -> Sequence[Reply]:
        """What the model gives to the first attempts at the call that goes wrong."""
        if self.reply is None:
            return ()
        return [self.reply(SEARCH_TERMS if stage.reads else answer(_request(stage.call)))]


def _request(call: str) -> ModelRequest:
    section = f"Section {call}:" if call.isdigit() else ""
    schema = "" if section else call
    return ModelRequest(
        "responses", "", "", "", section, "", schema, None, None, "", stream=True, attempt=1, body={}
    )


# Processes --------------------------------------------------------------------------------------------------


async def kill(world: World, cases: Sequence[Case]) -> None:
    """Kill -9 every replica that works on one of the turns; their readers soon see progress."""
    await asyncio.gather(*(world.kill(victim) for victim in _owners(world, cases)))
    await _go_on(cases)
    await asyncio.gather(*(progress(case) for case in cases if case.stage.name not in (ACK, AFTER)))


async def terminate(world: World, cases: Sequence[Case]) -> None:
    """SIGTERM to every replica that works on one of the turns; the others go on at once."""
    ending = [asyncio.ensure_future(world.terminate(victim)) for victim in _owners(world, cases)]
    await asyncio.sleep(0)
    await _go_on(cases)
    for seconds in await asyncio.gather(*ending):
        if seconds >= EXIT_SECONDS * crowding():
            cases[0].complaints.append(f"the process took {seconds:.1f} s to end")
    await asyncio.gather(*(progress(case) for case in cases if case.stage.name not in (ACK, AFTER)))


def _owners(world: World, cases: Sequence[Case]) -> set[Replica]:
    """Who works on the turns, or has been told of one and not yet taken it."""
    if cases[0].stage.name == ACK:
        return set(world.holders())
    return {world.owner(case.others[0] if case.others else case.turn_id) for case in cases}


async def _go_on(cases: Sequence[Case]) -> None:
    for case in cases:
        case.strike()
        await case.open()


async def progress(case: Case, seconds: float = PROGRESS_SECONDS) -> float:
    """Wait until the reader sees something new; the seconds since it happened."""
    sandbox = case.world.desk.sandbox

    def shown() -> bool:
        return any(
            call.ok
            and call.at > case.struck
            and case.channel in (call.args.get("channel"), call.args.get("channel_id"))
            for call in sandbox.calls[case.calls_before :]
        )

    try:
        await case.world.desk.until(shown, seconds * crowding())
    except TimeoutError:
        case.complaints.append(f"nothing new was to be seen within {seconds} s")
    return time.time() - case.struck


# Slack ------------------------------------------------------------------------------------------------------


def next_call(**fault: Any) -> Act:
    """The held Slack call, or the next one, goes wrong like this."""

    async def act(case: Case) -> None:
        case.strike()
        await case.spoil_next_call(**fault)

    return act


async def expire(case: Case) -> None:
    """The stream is over its age, by Slack's clock."""
    message = case.stream()
    assert message is not None
    assert message.stream is not None
    case.strike()
    message.stream.started -= 1_000_000
    await case.open()


async def overflow(case: Case) -> None:
    """The message is full long before we think so, for ever."""
    message = case.stream()
    case.strike()
    if message is None:
        await case.open(error="msg_too_long")
        return
    assert message.stream is not None
    message.stream.overflowed = True
    await case.open()


async def stop_in_slack(case: Case) -> None:
    """Somebody presses Slack's own stop of the stream."""
    case.strike()
    await case.world.desk.sandbox.press_stop("kim", case.channel, case.root)
    await case.open()


async def stop_on_card(case: Case) -> None:
    """Somebody presses the button of the card."""
    (card,) = case.world.desk.of_kind(case.root, "card")[-1:]
    case.strike()
    pressed = asyncio.ensure_future(case.world.desk.press(card, "stop_turn", user="kim"))
    await asyncio.sleep(0)
    await case.open()
    assert await pressed == "acked"


async def archive(case: Case) -> None:
    """The channel is archived."""
    channel = case.world.desk.sandbox.workspace.channel(case.channel)
    case.strike()
    channel.is_archived = True
    try:
        await case.open()
        await case.end()
    finally:
        channel.is_archived = False


async def remove(case: Case) -> None:
    """The bot is removed from the channel."""
    members = case.world.desk.sandbox.workspace.channel(case.channel).members
    case.strike()
    members.remove(BOT)
    try:
        await case.open()
        await case.end()
    finally:
        members.append(BOT)


async def revoke(world: World, cases: Sequence[Case]) -> None:
    """The bot's token is revoked."""
    workspace = world.desk.sandbox.workspace
    token = workspace.app().bot_token
    workspace.revoked_tokens.add(token)
    try:
        for case in cases:
            case.strike()
            await case.open()
        await asyncio.gather(*(case.end() for case in cases))
    finally:
        workspace.revoked_tokens.discard(token)


# The model --------------------------------------------------------------------------------------------------


def ending(end: Ending, after_tokens: int | None = 60) -> Callable[[Reply], Reply]:
    """The stream ends like this."""
    return lambda reply: replace(reply, ending=end, after_tokens=after_tokens)


async def nothing_more(case: Case) -> None:
    """The call goes wrong by itself."""
    case.strike()


# Redis ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _operator(world: World) -> AsyncIterator[Redis]:
    client = open_redis(world.valkey.url)
    try:
        yield client
    finally:
        await client.aclose()


async def _outage(world: World, cases: Sequence[Case], seconds: float = OUTAGE_SECONDS) -> None:
    """The turns go on, and nobody writes to Slack from a moment after the strike until it is over."""
    began = time.time()
    await _go_on(cases)
    await asyncio.sleep(seconds)
    over = time.time()
    grace = min(GRACE_SECONDS * crowding(), seconds / 2)
    writes = [
        (call.method, round(call.at - began, 3))
        for call in world.desk.sandbox.calls
        if call.method.startswith("chat.") and began + grace < call.at < over
    ]
    assert writes == []


async def down(world: World, cases: Sequence[Case], seconds: float = OUTAGE_SECONDS) -> None:
    """Redis is killed, and comes back with its append-only file."""
    world.valkey.kill()
    try:
        await _outage(world, cases, seconds)
    finally:
        await asyncio.to_thread(world.valkey.start)


async def restart(world: World, cases: Sequence[Case]) -> None:
    """Redis is restarted in peace."""
    world.valkey.resume()
    await asyncio.to_thread(world.valkey.stop)
    await asyncio.to_thread(world.valkey.start)
    await _go_on(cases)


async def slow(world: World, cases: Sequence[Case]) -> None:
    """Redis answers nothing for most of every second."""
    await _go_on(cases)
    for _ in range(4):
        world.valkey.pause()
        await asyncio.sleep(0.5)
        world.valkey.resume()
        await asyncio.sleep(0.1)


async def read_only(world: World, cases: Sequence[Case]) -> None:
    """Redis has become a replica, as in a failover: it answers reads and refuses writes."""
    async with _operator(world) as operator:
        await operator.execute_command("REPLICAOF", "127.0.0.1", "1")
        try:
            await _outage(world, cases)
        finally:
            await operator.execute_command("REPLICAOF", "NO", "ONE")


async def out_of_memory(world: World, cases: Sequence[Case]) -> None:
    """Redis is full: it refuses what would take more memory."""
    async with _operator(world) as operator:
        await operator.config_set("maxmemory", 1)
        try:
            await _outage(world, cases)
        finally:
            await operator.config_set("maxmemory", 0)


# Events -----------------------------------------------------------------------------------------------------


async def deliver_again(case: Case) -> None:
    """Slack delivers every event of the mention again."""
    sandbox = case.world.desk.sandbox
    case.strike()
    for delivery in list(sandbox.workspace.deliveries):
        if delivery.payload.get("event", {}).get("ts") == case.ts and delivery.attempt == 0:
            sandbox.dispatcher.deliver_event(sandbox.workspace.app(), delivery.payload)
    await asyncio.sleep(0)
    await case.open()


async def deliver_late(case: Case) -> None:
    """An older question of the thread arrives only now, its two events in the wrong order."""
    sandbox = case.world.desk.sandbox
    workspace = sandbox.workspace
    app = workspace.app()
    place = workspace.channel(case.channel)
    message = workspace.find(case.channel, await _older(case))
    event = message.as_api() | {"channel": case.channel, "event_ts": message.ts}
    case.strike()
    sandbox.events.emit(app, event | {"type": "message", "channel_type": "channel"}, place)
    sandbox.events.emit(app, event | {"type": "app_mention"}, place)
    case.others.append(case.world.desk.turn_id(message.ts))
    await asyncio.sleep(0)
    await case.open()


async def _older(case: Case) -> str:
    """A mention of the thread that no app has heard of yet."""
    workspace = case.world.desk.sandbox.workspace
    apps = dict(workspace.apps)
    workspace.apps.clear()
    try:
        return await case.world.desk.ask(
            "CN-01 brief: And what of the magnets?", channel=case.channel, thread_ts=case.root
        )
    finally:
        workspace.apps.update(apps)


# Clocks -----------------------------------------------------------------------------------------------------


async def clock_jump(world: World, cases: Sequence[Case], *, forward: bool) -> None:
    """The wall clock of every replica that works on one of the turns jumps by an hour, and so does Redis's:
    set forward, all leases have run out, and turns are taken over while their owners live.
    """
    jumped = _owners(world, cases)
    for replica in jumped:
        replica.set_clock(forward=forward)
    world.valkey.resume()  # it is held before the ack
    async with _operator(world) as operator:
        await set_clock(operator, JUMP_SECONDS if forward else -JUMP_SECONDS)
        await _go_on(cases)
        try:
            await asyncio.gather(*(case.end() for case in cases))
        finally:
            for replica in jumped:
                replica.set_clock(forward=not forward)
            if not forward:  # keys that live an hour longer
                await set_clock(operator, JUMP_SECONDS)


# All of them ------------------------------------------------------------------------------------------------

LATE_SECONDS = 12.0
"""Longer than our client waits for Slack (10 s)."""


def _slack(name: str, **fault: Any) -> Strike:
    return Strike(f"Slack {name}", "slack call", next_call(**fault), held_before=True)


def _model(name: str, reply: Callable[[Reply], Reply]) -> Strike:
    return Strike(f"model {name}", "model", nothing_more, reply=reply)


STRIKES = (
    Strike("SIGKILL", "process", act_on_all=kill),
    Strike("SIGTERM", "process", act_on_all=terminate),
    _slack("429", error="ratelimited", retry_after=1),
    _slack("500", status=500),
    _slack("500, done", status=500, done=True),
    _slack("503", status=503),
    _slack("time-out", late_seconds=LATE_SECONDS, drop="before"),
    _slack("time-out, done", late_seconds=LATE_SECONDS),
    _slack("reset", drop="before"),
    _slack("reset, done", drop="after"),
    Strike("stream expired", "slack stream", expire, held_before=True),
    Strike("stream too long", "slack stream", overflow, held_before=True),
    Strike("stopped in Slack", "stop", stop_in_slack, held_before=True),
    Strike("stopped on the card", "stop", stop_on_card),
    Strike("channel archived", "gone", archive, held_before=True),
    Strike("bot removed", "gone", remove, held_before=True),
    Strike("token revoked", "gone", act_on_all=revoke, held_before=True),
    _model("429", lambda _: Reply(status=429, headers={"Retry-After": "1"})),
    _model("500", lambda _: Reply(status=500)),
    _model("disconnect", ending(Ending.DISCONNECT)),
    _model("truncation", ending(Ending.TRUNCATE)),
    _model("malformed chunk", ending(Ending.MALFORMED)),
    _model("stall", ending(Ending.STALL)),
    _model("refusal", lambda _: Reply(refusal="I cannot help with that.")),
    _model("length", ending(Ending.LENGTH)),
    Strike("Redis down", "redis", act_on_all=down),
    Strike("Redis slow", "redis", act_on_all=slow),
    Strike("Redis restarted", "redis", act_on_all=restart),
    Strike("Redis read-only", "redis", act_on_all=read_only),
    Strike("Redis out of memory", "redis", act_on_all=out_of_memory),
    Strike("clock forward", "clock", act_on_all=partial(clock_jump, forward=True)),
    Strike("clock back", "clock", act_on_all=partial(clock_jump, forward=False)),
    Strike("duplicate events", "events", deliver_again),
    Strike("re-ordered events", "events", deliver_late),
)


def strike(name: str) -> Strike:
    """The fault of that name."""
    (found,) = (each for each in STRIKES if each.name == name)
    return found
