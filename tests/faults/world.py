"""A workspace with several replicas of the desk in it: everything real, everything of its own.

Slack's times are shortened by settings of the product (lease, stream age, rate window) and by the same
numbers of the sandbox; nothing in the processes is patched.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.evidence.links import links_in
from bot.evidence_stack import evidence_desk
from bot.sandbox import WorkspaceConfig
from bot.store.stored_turns import Outcome, StoredTurn
from bot.turns import Question
from personas.loader import load_personas
from tests.faults.nursery import Nursery
from tests.faults.pages import Pages, serve_pages
from tests.faults.replicas import Replica
from tests.faults.stages import TERMS
from tests.support.desk import OpenDesk, open_desk
from tests.support.model_replies import Gate, ModelRequest, Reply
from tests.support.persona_files import persona_files
from tests.support.seed_script import answer
from tests.support.valkey import RealValkey, valkey_process

__all__ = [
    "CHANNELS",
    "LEASE_SECONDS",
    "SEARCH_TERMS",
    "STREAM_SECONDS",
    "WINDOW_SECONDS",
    "World",
    "call_of",
    "open_reading_world",
    "open_world",
    "shortened",
]

LEASE_SECONDS = 2
"""The shortest that the setting allows; 10 in earnest."""

STREAM_SECONDS = 24
"""Age at which a stream is ended; 240 in earnest, where Slack ends it at 300: here at 30."""

WINDOW_SECONDS = 6
"""Slack's minute: every tier is ten times as fast."""

STALL_SECONDS = 30
"""Silence that ends a model stream, as in earnest: turns are held while others come to their stages."""

RETRY_SECONDS = 120
"""Within which a model call may be made again; 45 in earnest. A stall uses up a part of it."""

REDELIVERY_SECONDS = (0.0, 2.0, 15.0)
"""Slack's own: at once, after one minute and after five."""

TOKENS_PER_SECOND = 600.0
"""Of each model call: sections grow on screen, and an answer takes a few seconds."""

SEARCH_SECONDS = 60
"""Longest wait for what is being read; 8 in earnest. A search by itself ends after 12, as in earnest."""

START_SECONDS = 60.0
"""A process may need this long to start on a crowded machine; two seconds on a quiet one."""

END_SECONDS = 90.0
"""Longest wait for a turn's end: far above what is promised, which is measured by its own clock."""


SEARCH_TERMS = Reply("\n".join(f"稀土出口许可 rare earth licences of batch {number}" for number in range(12)))
"""The model's help with a search; longer than what passes before a fault (60 tokens)."""


def call_of(request: ModelRequest) -> str:
    """Which call of a turn a request is: a section's number, the name of its schema, or the search terms."""
    if "Give search terms" in request.instruction:
        return TERMS
    named = re.search(r"^Section (\d):", request.instruction, re.MULTILINE)
    return request.schema_name or (named[1] if named else "1")


CHANNELS = tuple(f"C0CASE{number:02}" for number in range(40))
"""A channel for each case that runs at the same time: Slack takes one post a second in each."""


def shortened(workspace: WorkspaceConfig) -> WorkspaceConfig:
    """The workspace with Slack's times cut down, as strict as ever, and with a channel for each case."""
    channels = tuple(replace(workspace.channels[0], id=channel, name=channel.lower()) for channel in CHANNELS)
    limits = replace(
        workspace.limits,
        tier_window_seconds=float(WINDOW_SECONDS),
        stream_age_seconds=STREAM_SECONDS * 1.25,
        redelivery_delays=REDELIVERY_SECONDS,
    )
    return replace(workspace, limits=limits, channels=(*workspace.channels, *channels))


@dataclass
class World:
    """The workspace, its servers, and the replicas at work. One turn a case, in a thread of its own."""

    desk: OpenDesk
    valkey: RealValkey
    nursery: Nursery
    pages: Pages
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment of the replicas."""
    replicas: list[Replica] = field(default_factory=list)
    gone: list[Replica] = field(default_factory=list)
    started: int = 0
    gates: dict[tuple[str, str], Gate] = field(default_factory=dict)
    """Model calls that are held: by turn and name."""
    replies: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)
    """What the next attempts of a call are answered with, instead of the script's text."""
    clean: dict[tuple[str, Question], tuple[str, str]] = field(default_factory=dict)
    """What an undisturbed run renders, by the day and the question without its link; with that link."""
    rendering: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One at a time: the model has no pace meanwhile."""

    # Replicas -------------------------------------------------------------------------------------------

    @property
    def app_id(self) -> str:
        """The app under test."""
        return self.desk.sandbox.workspace.app().app_id

    async def start(self, number: int = 1, *, wait: bool = True) -> None:
        """Start so many replicas; with ``wait`` until they take questions."""
        for _ in range(number):
            self.started += 1
            log = self.folder / f"replica-{self.started}.log"
            started = await Replica.start(self.nursery, self.desk.settings, log, variables=self.variables)
            self.replicas.append(started)
        if wait:
            await self.complete()

    async def complete(self) -> None:
        """Wait until all replicas are connected, and look that none has died by itself."""
        hub = self.desk.sandbox.sockets
        async with asyncio.timeout(START_SECONDS):
            # A replica that dies tells nobody.
            while hub.connection_count(self.app_id) < len(self.replicas) and not self.fallen():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert not self.fallen(), "\n".join(replica.tail() for replica in self.fallen())

    def fallen(self) -> list[Replica]:
        """Replicas that have ended without being asked to."""
        return [replica for replica in self.replicas if not replica.alive]

    async def kill(self, replica: Replica) -> None:
        """Kill -9, and start another one in its place without waiting for it."""
        self.replicas.remove(replica)
        self.gone.append(replica)
        await replica.kill()
        if len(self.replicas) < 2:
            await self.start(wait=False)

    async def trim(self, number: int = 2) -> None:
        """Kill what is more than so many replicas; nothing may be under way."""
        while len(self.replicas) > number:
            replica = self.replicas.pop(0)
            self.gone.append(replica)
            await replica.kill()

    async def terminate(self, replica: Replica) -> float:
        """SIGTERM; another one starts in its place. The seconds until it ended in peace."""
        loop = asyncio.get_running_loop()
        self.replicas.remove(replica)
        self.gone.append(replica)
        asked = loop.time()
        replica.terminate()
        code = await replica.ended()
        seconds = loop.time() - asked
        assert code == 0, replica.tail()
        if len(self.replicas) < 2:
            await self.start(wait=False)
        return seconds

    def owner(self, turn_id: str) -> Replica:
        """The replica that works on a turn: the one with its highest fence."""
        fences = {
            event["fence"]: replica
            for replica in self.replicas
            for event in replica.events("turn.started")
            if event["turn_id"] == turn_id
        }
        assert fences, f"nobody works on {turn_id}"
        return fences[max(fences)]

    def holders(self) -> list[Replica]:
        """The replicas that have not acknowledged what they were handed."""
        hub = self.desk.sandbox.sockets
        ports = hub.unanswered_ports(self.app_id)
        return [replica for replica in self.replicas if replica.ports() & ports]

    def log(self, name: str) -> list[dict[str, Any]]:
        """Log lines of one event, of all replicas that ever were."""
        return [event for replica in (*self.gone, *self.replicas) for event in replica.events(name)]

    # The model ------------------------------------------------------------------------------------------

    def script(self, request: ModelRequest) -> Reply:
        """The seed's answer, continued where a section was torn, with the faults and gates of the case."""
        call = call_of(request)
        if waiting := self.replies.get((request.cache_key, call)):
            return waiting.pop(0)
        if call == TERMS:
            return SEARCH_TERMS
        reply = continued(request, answer(request))
        gate = self.gates.get((request.cache_key, call))
        return reply if gate is None or gate.opened.is_set() else replace(reply, gate=gate)

    def hold_model(self, turn_id: str, call: str, after_tokens: int) -> Gate:
        """Hold the model's next answers to this call of a turn after so many tokens."""
        gate = self.gates[turn_id, call] = Gate(after_tokens)
        return gate

    def requests(self, turn_id: str) -> Counter[str]:
        """How often each call of a turn was made."""
        return Counter(
            call_of(request) for request in self.desk.model.requests if request.cache_key == turn_id
        )

    # Turns ----------------------------------------------------------------------------------------------

    async def stored(self, turn_id: str) -> StoredTurn | None:
        """All that is known of a turn."""
        return await self.desk.store.load(turn_id)

    async def until_taken(self, turn_id: str) -> None:
        """Wait until a turn is in the store."""
        async with asyncio.timeout(END_SECONDS):
            while await self.stored(turn_id) is None:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)

    async def until_over(self, turn_id: str, seconds: float = END_SECONDS) -> StoredTurn:
        """Wait until a turn has ended, however it did."""
        async with asyncio.timeout(seconds):
            while True:
                stored = await self.stored(turn_id)
                if stored is not None and stored.state in set(Outcome):
                    return stored
                await asyncio.sleep(0.05)

    async def until_kept(self, turn_id: str, keys: set[str], seconds: float = END_SECONDS) -> None:
        """Wait until these parts of a turn are finished and kept."""
        async with asyncio.timeout(seconds):
            while True:
                stored = await self.stored(turn_id)
                if stored is not None:
                    kept = {
                        key.removeprefix("section-")
                        for key, data in stored.checkpoints.items()
                        if data.get("complete", True)
                    }
                    if keys <= kept:
                        return
                await asyncio.sleep(0.05)

    async def clean_document(self, ts: str) -> str:
        """What the turn of a mention renders where nothing happens to it; made once a day. All pages say the
        same, so that only the link is another one.
        """
        stored = await self.stored(self.desk.turn_id(ts))
        assert stored is not None
        day = datetime.fromtimestamp(stored.turn.asked_at, UTC).date().isoformat()
        question = stored.turn.question
        (link,) = links_in(question) or [""]
        asked = (day, replace(question, text=question.text.replace(link, "")))
        async with self.rendering:
            if asked not in self.clean:
                pace, self.desk.model.tokens_per_second = self.desk.model.tokens_per_second, 0.0
                self.clean[asked] = link, await self.desk.rendered(ts)
                self.desk.model.tokens_per_second = pace
        its_link, document = self.clean[asked]
        return document.replace(its_link, link)

    def reset(self) -> None:
        """Forget the faults and gates of all cases."""
        self.desk.sandbox.faults.clear()
        self.pages.open()
        for gate in self.gates.values():
            gate.open()
        self.gates.clear()
        self.replies.clear()

    def told(self) -> str:
        """The end of every log, for whoever looks at a failure."""
        return "\n\n".join(
            f"{replica.process.pid} {'lives' if replica.alive else 'is gone'}\n{replica.tail()}"
            for replica in (*self.gone[-3:], *self.replicas)
        )

    async def aclose(self) -> None:
        """Kill all replicas."""
        await asyncio.gather(*(replica.kill() for replica in self.replicas))


def continued(request: ModelRequest, reply: Reply) -> Reply:
    """A model that is asked to go on does so after the last line it is shown, and repeats nothing."""
    _, found, block = request.instruction.partition("repeat nothing.\n")
    if not found:
        return reply
    shown = block.partition(">\n")[2].partition("\n</material>")[0]
    last = "".join(filter(str.isalpha, [line for line in shown.splitlines() if line.strip()][-1]))
    letters = [(place, letter) for place, letter in enumerate(reply.text) if letter.isalpha()]
    begins = "".join(letter for _, letter in letters).find(last)
    assert begins >= 0, f"asked to go on after a line that was never given: {last}"
    end = letters[begins + len(last) - 1][0] + 1
    rest = re.sub(r"^\d*[\]}).:*]*\s*", "", reply.text[end:])  # the number of an id, and how the line ends
    return replace(reply, text=rest)


@asynccontextmanager
async def open_world(
    *,
    replicas: int = 2,
    tokens_per_second: float = TOKENS_PER_SECOND,
    workspace: WorkspaceConfig | None = None,
    variables: Mapping[str, str] | None = None,
    searching: bool = False,
    **settings: Any,
) -> AsyncIterator[World]:
    """A fresh world with so many replicas at work; ``searching``: for evidence."""
    given = {
        "lease_seconds": LEASE_SECONDS,
        "slack_stream_seconds": STREAM_SECONDS,
        "slack_window_seconds": WINDOW_SECONDS,
        "stall_seconds": STALL_SECONDS,
        "model_retry_seconds": RETRY_SECONDS,
    } | settings
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(valkey_process())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        desk = await stack.enter_async_context(
            open_desk(
                valkey,
                running=False,
                workspace=workspace or shortened(WorkspaceConfig()),
                tokens_per_second=tokens_per_second,
                **given,
            )
        )
        desk.settings = desk.settings.model_copy(update={"evidence": searching})
        desk.evidence = await stack.enter_async_context(
            evidence_desk(desk.settings, valkey.url, load_personas(desk.settings.personas_dir), collect=False)
        )
        pages = await stack.enter_async_context(serve_pages())
        nursery = await Nursery.open()
        stack.push_async_callback(nursery.aclose)
        world = World(desk, valkey, nursery, pages, folder, dict(variables or {}))
        desk.model.script = world.script
        stack.push_async_callback(world.aclose)
        await world.start(replicas)
        yield world


@asynccontextmanager
async def open_reading_world() -> AsyncIterator[World]:
    """A world whose replicas search for evidence: only the link of a question is there to be read."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        personas = persona_files(Path(folder) / "personas", {})
        async with open_world(
            searching=True,
            evidence_loopback=True,
            evidence_items=1,  # the link, which comes first: what else came would be another answer's text
            search_terms=True,
            search_seconds=SEARCH_SECONDS,
            personas_dir=personas,
        ) as world:
            yield world
