"""A real sandbox workspace over HTTP, and the small doubles a writer needs."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from bot.assessment.events import Cut, Part
from bot.deliveries import Delivery, SentMessage
from bot.sandbox.config import WorkspaceConfig
from bot.sandbox.messages import Message as SandboxMessage
from bot.sandbox.server import Sandbox
from bot.slack.api import SlackApi, slack_session
from bot.slack.cards import Message
from bot.slack.limits import WriterLimits
from bot.slack.thread_writer import Sender, ThreadPlace, ThreadWriter
from bot.store.governor import Slot

CHANNEL = "C0DESK"
TURN = "t0123456789abcdef0123"
SENDER = Sender("CN-01, China Agent", ":flag-cn:")
FAST = WriterLimits(
    flush_seconds=0.02,
    first_growth_seconds=0.02,
    flush_min_bytes=1,
    update_seconds=0.05,
    settle_seconds=0.05,
    retry_first_seconds=0.01,
    outage_seconds=1.0,
    call_seconds=2.0,
)


@dataclass
class UnlimitedGovernor:
    """Never waits; remembers what was booked and what was penalised."""

    booked: list[str] = field(default_factory=list)
    penalised: list[tuple[str, float]] = field(default_factory=list)
    wait_seconds: dict[str, float] = field(default_factory=dict)

    async def reserve(
        self, method: str, *, channel: str | None = None, asked_at: float | None = None
    ) -> Slot:
        """Book at once, or for as long as the test says."""
        self.booked.append(method)
        return Slot(method, self.wait_seconds.get(method, 0.0))

    async def free_now(self, method: str) -> bool:
        """Where the test sets no wait."""
        return not self.wait_seconds.get(method)

    async def announce(self, method: str, channel: str, asked_at: float) -> float:
        """Nobody is in the way."""
        return 0.0

    async def release(self, slot: Slot) -> None:
        """There are more than enough."""

    async def confirm(self, slot: Slot) -> Slot:
        """Nobody was late."""
        return Slot(slot.method, 0.0)

    async def penalise(self, method: str, retry_after_seconds: float) -> None:
        """Remember."""
        self.penalised.append((method, retry_after_seconds))


@dataclass
class MemoryJournal:
    """The delivery journal in memory, with a fence that can be closed."""

    document: str = ""
    messages: dict[int, SentMessage] = field(default_factory=dict)
    card_ts: str | None = None
    footer_ts: str | None = None
    fenced: Exception | None = None
    records: int = 0

    async def record(
        self,
        *,
        append: str = "",
        messages: Sequence[SentMessage] = (),
        card_ts: str | None = None,
        footer_ts: str | None = None,
    ) -> None:
        """Keep it, or raise when a newer run owns the turn."""
        if self.fenced is not None:
            raise self.fenced
        self.records += 1
        self.document += append
        for message in messages:
            self.messages[message.number] = message
            assert message.end <= len(self.document)
        self.card_ts = card_ts or self.card_ts
        self.footer_ts = footer_ts or self.footer_ts

    def delivery(self) -> Delivery:
        """What the next run is given."""
        messages = tuple(self.messages[number] for number in sorted(self.messages))
        return Delivery(self.card_ts, self.footer_ts, self.document, messages)


@dataclass
class Desk:
    """One thread in the sandbox and everything needed to write into it."""

    sandbox: Sandbox
    api: SlackApi
    governor: UnlimitedGovernor
    journal: MemoryJournal
    thread_ts: str
    limits: WriterLimits = FAST
    channel: str = CHANNEL

    def writer(self, *, resumed: bool = False, look_first: bool = False, **limits: float) -> ThreadWriter:
        """A run's writer; resumed, it gets what the journal holds."""
        return ThreadWriter(
            self.api,
            self.journal,
            ThreadPlace("T0SANDBOX", self.channel, self.thread_ts, "U0DANA", "T0SANDBOX"),
            SENDER,
            TURN,
            limits=dataclasses.replace(self.limits, **limits),
            delivered=self.journal.delivery() if resumed else None,
            look_first=look_first,
        )

    def replies(self) -> list[SandboxMessage]:
        """The app's messages in the thread."""
        return [message for message in self.sandbox.thread(self.channel, self.thread_ts) if message.app_id]

    def texts(self) -> list[str]:
        """What each text message shows, in order: neither card nor footer."""
        found = []
        for message in self.replies():
            payload = (message.metadata or {}).get("event_payload", {})
            if payload.get("kind", "text") == "text":
                found.append(markdown_of(message))
        return found

    def count(self, method: str) -> int:
        """How often a method was called."""
        return sum(call.method == method for call in self.sandbox.calls)


def markdown_of(message: SandboxMessage) -> str:
    """The Markdown a message shows, streamed or in blocks."""
    return "".join(block["text"] for block in message.all_blocks() if block["type"] == "markdown")


def document_of(texts: Sequence[str]) -> str:
    """Message texts as one text, for comparison without the white space that was left out."""
    return "".join("".join(texts).split())


def section(number: int, bullets: int = 4, words: int = 20, word: str = "word") -> list[Part]:
    """A numbered section with a heading and bullets."""
    name = str(number)
    parts = [Part(f"\n\n**{number}. Heading of section {number}**", Cut.SECTION, name)]
    for bullet in range(bullets):
        text = f"\n• Bullet {number}.{bullet}: " + " ".join(f"{word}{i}" for i in range(words))
        parts.append(
            Part(text, Cut.LINE if bullet else Cut.PARAGRAPH, name, ends_section=bullet == bullets - 1)
        )
    size = sum(len(part.text.encode()) for part in parts)
    parts[0] = dataclasses.replace(parts[0], section_bytes=size)
    return parts


FOOTER = Message("footer", ({"type": "context", "elements": [{"type": "mrkdwn", "text": "Sources: none"}]},))
CARD = Message("card", ({"type": "section", "text": {"type": "mrkdwn", "text": "Card"}},))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A sandbox with a mention in it."""
    async with Sandbox(WorkspaceConfig(rate_limits=False)) as sandbox, slack_session(FAST) as session:
        governor = UnlimitedGovernor()
        api = SlackApi(
            sandbox.config.apps[0].bot_token, governor, session, base_url=sandbox.api_url, limits=FAST
        )
        ts = await sandbox.post_as_user("U0DANA", CHANNEL, "<@U0AGENTS> CN-01 what now?")
        yield Desk(sandbox, api, governor, MemoryJournal(), ts)
