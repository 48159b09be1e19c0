"""One case: a turn is brought to a stage, something happens to it there, and its end is looked at."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.sandbox.faults import Fault
from bot.sandbox.messages import Message
from tests.faults.stages import ACK, AFTER, CALLS, QUEUE, Held, Stage
from tests.faults.world import World
from tests.support.desk import TEAM, words_of
from tests.support.model_replies import Reply
from tests.support.seed_script import QUESTION

__all__ = ["Case"]

REACH_SECONDS = 60.0
"""A turn comes to its stage within a few seconds on a quiet machine."""

ARRIVED_SECONDS = 120.0
"""Slack's last delivery of an event is made within 45 s in all our worlds, and its answer is awaited."""


@dataclass
class Case:
    """A turn under test. ``before``: whether a Slack call is held before it takes effect, or after."""

    world: World
    stage: Stage
    channel: str
    held_before: bool = False
    struck_first: bool = False
    """What happens comes before the question (the queue is away when the event arrives)."""
    replies: Sequence[Reply] = ()
    """What the model gives to the first attempts at the stage's call: it goes wrong by itself."""
    ts: str = ""
    root: str = ""
    """The thread."""
    others: list[str] = field(default_factory=list)
    """Turns of other questions in the same thread."""
    struck: float = 0.0
    """When it happened, in wall-clock seconds as the sandbox's books have them."""
    calls_before: int = 0
    """Slack calls in the books by then."""
    complaints: list[str] = field(default_factory=list)
    """What was wrong before the end."""
    held: Held = field(default_factory=Held)

    @property
    def turn_id(self) -> str:
        """The turn under test."""
        return self.world.desk.turn_id(self.ts)

    # Getting there --------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Ask, and wait until the turn is at its stage."""
        world, stage = self.world, self.stage
        if stage.name == ACK:
            if not self.struck_first:
                world.valkey.pause()
                await self.ask()
                await world.desk.until(lambda: len(world.holders()) > 0)
            return
        if self.replies:
            await self.ask()
            world.replies[self.turn_id, stage.failing] = list(self.replies)
            self.held.open()
            return
        if stage.name == QUEUE:
            await self._wait_behind_another()
            return
        await self._ask_and_hold()
        if stage.call:
            await world.desk.until(lambda: stage.shown in world.desk.text(self.root), REACH_SECONDS)
            await world.until_kept(self.turn_id, self.finished_calls())
        if stage.reads:
            await world.desk.until(self._told_of_the_search, REACH_SECONDS)
        if stage.name == AFTER:
            await world.until_over(self.turn_id)

    async def ask(self, text: str = f"CN-01 {QUESTION}") -> str:
        """Ask the question under test, in its thread; with a link where the stage is to read one."""
        if self.stage.reads:
            self.held.page = page = await self.world.pages.put_up()
            text = f"{text}\n\n{page.url}"
        self.ts = await self.world.desk.ask(text, channel=self.channel, thread_ts=self.root or None)
        self.root = self.root or self.ts
        return self.ts

    async def _ask_and_hold(self) -> None:
        """Ask, and hold what is to be held, until it is."""
        world, stage = self.world, self.stage
        if stage.method:
            moment = "before" if self.held_before else "after"
            self.held.slack = world.desk.sandbox.faults.hold(stage.method, moment, self._wants)
        await self.ask()
        if call := stage.call or stage.growing:
            self.held.model = world.hold_model(self.turn_id, call, stage.after_tokens)
        if stage.waiting:
            first = world.hold_model(self.turn_id, stage.waiting, 0)
            await world.desk.until(lambda: self.stream() is not None, REACH_SECONDS)
            first.open()
        await self.held.reached()

    def _told_of_the_search(self) -> bool:
        """Whether the card says what is waited for: what there was at once is too little."""
        return any("Searching:" in words_of(card) for card in self.world.desk.of_kind(self.root, "card"))

    def _wants(self, arguments: Mapping[str, Any]) -> bool:
        return arguments.get("channel") == self.channel and self.stage.wants(arguments)

    async def _wait_behind_another(self) -> None:
        """The thread's first question is being answered; this one waits."""
        world = self.world
        await self.ask("CN-01 brief: What did the truce change?")
        self.held.model = world.hold_model(self.turn_id, "plan", 20)
        self.others.append(self.turn_id)
        await self.held.reached()
        await self.ask()
        await world.until_taken(self.turn_id)
        waiting = await world.stored(self.turn_id)
        assert waiting is not None
        assert waiting.state == "waiting"

    def finished_calls(self) -> set[str]:
        """Model calls that are over and kept while the turn is held at its stage."""
        if self.stage.call == "plan":  # only the facts do not wait for it
            return {"1"}
        return set(CALLS) - {self.stage.call} if self.stage.call else set()

    # What happens there ---------------------------------------------------------------------------------

    def strike(self) -> None:
        """It happens now."""
        self.struck = time.time()
        self.calls_before = len(self.world.desk.sandbox.calls)

    async def open(self, **fault: Any) -> None:
        """Let the turn go on; ``fault`` is what becomes of the Slack call that was held."""
        if self.stage.name == ACK:
            if self.struck_first:
                await self.ask()
            else:
                self.world.valkey.resume()
        self.held.open(**fault)

    async def spoil_next_call(self, **fault: Any) -> None:
        """The held Slack call, or else the next one, goes wrong; then the turn goes on."""
        if self.held.slack is not None:
            await self.open(**fault)
        else:
            faults = self.world.desk.sandbox.faults
            faults.hold("chat.*", "before", lambda call: call.get("channel") == self.channel).open(
                Fault(**fault)
            )
            await self.open()

    def runs(self) -> int:
        """How often a replica has begun the turn."""
        return sum(event["turn_id"] == self.turn_id for event in self.world.log("turn.started"))

    def stream(self) -> Message | None:
        """The message that is streaming, if one is."""
        streaming = [message for message in self.world.desk.replies(self.root) if message.is_streaming]
        return streaming[-1] if streaming else None

    def limit_streams(self, size: int) -> None:
        """A streamed message of this workspace holds no more bytes than this from now on."""
        workspace = self.world.desk.sandbox.workspace
        workspace.limits = replace(workspace.limits, stream_bytes=size)

    # The end --------------------------------------------------------------------------------------------

    async def end(self) -> None:
        """Wait until every turn of the thread is over, and everything sent has arrived."""
        for turn_id in (*self.others, self.turn_id):
            await self.world.until_over(turn_id)
        sandbox = self.world.desk.sandbox
        await self.world.desk.until(lambda: not sandbox.dispatcher.undelivered, ARRIVED_SECONDS)
        assert await self.world.desk.store.running(TEAM, self.channel, self.root) is None

    def messages(self) -> list[Message]:
        """The app's messages of the turn under test; those of a stream that never ended are its own, too."""

        def of_another(message: Message) -> bool:
            payload = (message.metadata or {}).get("event_payload", {})
            return payload.get("turn_id", self.turn_id) != self.turn_id

        return [message for message in self.world.desk.replies(self.root) if not of_another(message)]
