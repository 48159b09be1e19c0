"""What a person in the channel sees, and when: the sandbox page's live WebSocket, written down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

__all__ = ["Thread", "Viewer", "viewer"]

WAIT_SECONDS = 300.0
"""Twenty answers through Slack's limits take two minutes; nothing may take this long."""
CLOSING_LINE = "Three Corporate"
"""The last line of an answer: the firm's name, as the settings have it by default."""


@dataclass(slots=True)
class Thread:
    """One question's thread as it grew. Times are wall-clock seconds, of the moment the page knew."""

    ts: str
    texts: dict[str, str] = field(default_factory=dict)
    """Markdown of the answer's messages, by ts."""
    others: list[str] = field(default_factory=list)
    """Card and footer, by ts."""
    card_at: float | None = None
    first_text_at: float | None = None
    """The first text of an answer, checked or not."""
    heading_at: float | None = None
    """The opening line and the heading of section 1."""
    sentence_at: float | None = None
    """The first sentence that the model wrote and the checks let through."""
    words_at: float | None = None
    """The first text behind the name of who answers: of a follow-up its first sentence."""
    text_at: float | None = None
    """The last change of the answer's text."""
    footer_at: float | None = None

    @property
    def asked_at(self) -> float:
        """The event: the moment the message was posted."""
        return float(self.ts)

    @property
    def text(self) -> str:
        """The whole answer, white space made plain: messages begin without the separator before them."""
        return " ".join(" ".join(self.texts[ts] for ts in sorted(self.texts)).split())

    @property
    def complete(self) -> bool:
        """Whether the answer and its footer are there."""
        return self.footer_at is not None and self.text.rstrip("*_ ").endswith(CLOSING_LINE)

    def take(self, message: dict[str, Any], at: float) -> None:
        """A message of the app as it is now."""
        text = _answer_text(message)
        if text is not None:
            if self.texts.get(message["ts"]) != text:
                self.texts[message["ts"]] = text
                self._text_changed(at)
        elif message["ts"] not in self.others:
            self.others.append(message["ts"])
            if self.card_at is None:
                self.card_at = at
            else:
                self.footer_at = at

    def append(self, ts: str, text: str, at: float) -> None:
        """More text of a streamed message."""
        if ts in self.texts:
            self.texts[ts] += text
            self._text_changed(at)

    def _text_changed(self, at: float) -> None:
        self.text_at = at
        if self.first_text_at is None and any(self.texts.values()):
            self.first_text_at = at
        if self.words_at is None and next(iter(self.texts.values())).partition(":**")[2].strip():
            self.words_at = at
        if self.sentence_at is None:
            _, heading, below = next(iter(self.texts.values())).partition("## 1. ")
            if heading and self.heading_at is None:
                self.heading_at = at
            if "\n- " in below:
                self.sentence_at = at


def _answer_text(message: dict[str, Any]) -> str | None:
    """The Markdown of a message that is part of the answer; None for card and footer."""
    if "markdown" in message:
        return str(message["markdown"])
    blocks = message.get("blocks") or []
    if len(blocks) == 1 and blocks[0]["type"] == "markdown" and "**Sources**" not in blocks[0]["text"][:20]:
        return str(blocks[0]["text"])
    return None


class Viewer:
    """A person with the page open."""

    def __init__(self, session: aiohttp.ClientSession, page_url: str, user: str) -> None:
        self._session = session
        self._page_url = page_url
        self._user = user
        self._threads: dict[str, Thread] = {}
        self._early: dict[str, list[tuple[dict[str, Any], float]]] = {}
        self._changed = asyncio.Event()
        self._closed = False

    async def ask(self, channel: str, text: str, *, below: str = "") -> Thread:
        """Post a question; its thread grows from now on. ``below``: the thread it is a reply in, whose own
        messages are all there.
        """
        body = {"user": self._user, "channel": channel, "text": text, "thread_ts": below or None}
        async with self._session.post(f"{self._page_url}page/message", json=body) as response:
            answer = await response.json()
        if not answer["ok"]:
            raise RuntimeError(f"the sandbox refused the question: {answer['error']}")
        thread = self._threads[below or answer["ts"]] = Thread(answer["ts"])
        for message, at in self._early.pop(below or thread.ts, []):
            thread.take(message, at)
        return thread

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something shows; raises TimeoutError that says what did not."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not condition():
                    if self._closed:
                        raise ConnectionError("the page's WebSocket closed")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            complete = sum(thread.complete for thread in self._threads.values())
            words = f"{what}; {complete} of {len(self._threads)} threads are complete"
            raise TimeoutError(f"not within {WAIT_SECONDS:.0f} s: {words}") from None

    async def follow(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Write down what comes, until the socket closes."""
        try:
            async for frame in socket:
                self._take(orjson.loads(frame.data), time.time())
                self._changed.set()
        finally:
            self._closed = True
            self._changed.set()

    def _take(self, event: dict[str, Any], at: float) -> None:
        if event["type"] == "appended":
            for thread in self._threads.values():
                thread.append(event["ts"], event["text"], at)
        elif event["type"] in ("message", "changed"):
            message = event["message"]
            root = message.get("thread_ts")
            if root is None or not message.get("bot"):
                return
            if root in self._threads:
                self._threads[root].take(message, at)
            else:  # quicker than the answer to the question's own request
                self._early.setdefault(root, []).append((message, at))


@contextlib.asynccontextmanager
async def viewer(page_url: str, user: str = "U0DANA") -> AsyncIterator[Viewer]:
    """Open the page as a person."""
    async with aiohttp.ClientSession() as session:
        url = f"{page_url}page/live?user={user}"
        async with session.ws_connect(url, max_msg_size=0) as socket:
            person = Viewer(session, page_url, user)
            following = asyncio.create_task(person.follow(socket))
            try:
                yield person
            finally:
                if following.done():
                    following.result()  # what ended it is worth more than what came of it
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
