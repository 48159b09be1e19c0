"""What of a turn's answer has reached Slack: the values of the delivery journal.

``bot.slack`` writes them through its ``Journal`` port while it delivers; ``bot.store`` keeps them
with the turn's rendered document, so that a worker that takes the turn over can go on after the
last character the reader has, and never posts a paragraph twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CARD_NUMBER", "Delivery", "MessageKind", "MessageState", "SentMessage"]

MessageKind = Literal["stream", "post"]
"""``stream``: chat.startStream … stopStream. ``post``: one chat.postMessage."""

MessageState = Literal["open", "closed", "unknown"]
"""``open``: more may come. ``closed``: final. ``unknown``: a call left and its answer never came."""


CARD_NUMBER = 0
"""The card's number among a turn's messages; it holds none of the document."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message of the answer.

    ``number`` counts from 1 in reading order and is also the ``part`` of the message's metadata. Number 0
    is the card, noted before it is posted, so that a second run knows to look for it.
    ``start`` and ``end`` are character offsets in the document: the message shows
    ``document[start:end]``. ``ts`` is None while Slack's answer to the first call is outstanding.
    """

    number: int
    kind: MessageKind
    ts: str | None
    start: int
    end: int
    state: MessageState


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that has been said about one turn in its thread.

    ``document`` is every character rendered so far, delivered or not; ``messages`` tile a prefix of it.
    """

    card_ts: str | None = None
    footer_ts: str | None = None
    document: str = ""
    messages: tuple[SentMessage, ...] = ()
