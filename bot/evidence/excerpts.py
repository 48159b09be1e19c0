"""Cutting a document to what bears on a question, and several documents to a budget of model tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.evidence.ranking import Aspect, Concept
from bot.evidence.segmentation import Script, main_script, pieces, tokens
from bot.evidence.stored import StoredItem

__all__ = ["TOKENS_AN_ITEM", "Excerpter", "estimated_tokens", "shares", "text_of"]

TOKENS_AN_ITEM: Final = 300
"""On average: twelve items then take 3,600 tokens of every prompt (README, ``EVIDENCE_ITEMS``)."""
MOST_TOKENS: Final = 500
"""Of one document, where others leave room: more is the story around the story."""

READ_CHARACTERS: Final = 20_000
"""Of a body: what a long report says after ten pages is seldom what it is about."""

CHARACTERS_A_TOKEN: Final = {
    Script.LATIN: 4.0,
    Script.CYRILLIC: 3.0,
    Script.ARABIC: 2.5,
    Script.HEBREW: 2.0,
    Script.DEVANAGARI: 2.5,
    Script.HAN: 1.4,
    Script.HANGUL: 1.7,
    Script.THAI: 2.0,
    Script.DIGITS: 2.0,
}
"""Rounded down. English is OpenAI's rule of thumb; the others are from its sample sentences for GPT-4o
(“Hello GPT-4o”, May 2024); Hebrew and Thai are guesses, on the low side.
"""

GAP: Final = " […] "
"""Between sentences that do not follow on each other in the document."""
CUT: Final = " […]"

_ASPECT_VALUE: Final = {Aspect.TOPIC: 1.0, Aspect.EMPHASIS: 0.5, Aspect.CHANGE: 0.5, Aspect.PARTY: 0.3}
LEAD_VALUE: Final = 0.75
"""Of a document's first sentence: it says who did what when."""
FIGURE_VALUE: Final = 0.25
"""Of a sentence with a number or a date, beside what it says of the topic: facts are made of them."""
FOLLOWING_SHARE: Final = 0.25
"""Of the value of the sentence before: “It will run until 2027” belongs to what it follows."""

_NOT_AN_END: Final = (
    r"(?<!\b[A-Za-zА-Я]\.)(?<!\b(?:Mr|Ms|Dr|St|No|vs|Jr|Lt)\.)"
    r"(?<!\b(?:Mrs|Gen|Sen|Rep|Gov|Col|Sgt|тыс|млн|Inc|Ltd)\.)"
)
_SENTENCES: Final = re.compile(
    rf"(?:(?<=[.!?…])|(?<=[.!?…][\"”’»)])){_NOT_AN_END}\s+(?=[^\W_a-zа-я]|[\"“‘«„(\[])"
    r"|(?<=[。！？；])(?![」』”’）])|(?<=[。！？][」』”’）])|(?<=[।؟۔])\s+|\s*\n\s*"
)
"""Where sentences end. Chinese and Japanese put no space after a full stop; Thai has no full stop at all."""
LONGEST_SENTENCE: Final = 100
"""Tokens: what is longer (Thai, lists, tables) is cut at spaces, or anywhere."""
_DIGIT: Final = re.compile(r"\d")


def text_of(item: StoredItem) -> str:
    """All that is known of a document beside its title, without saying the same twice."""
    summary, body = item.summary.strip(), item.body.strip()[:READ_CHARACTERS]
    if not body:
        return summary or item.title.strip()
    if not summary or _squeezed(summary.rstrip(" .…[]"))[:80] in _squeezed(body):
        return body
    return f"{summary}\n{body}"


def estimated_tokens(text: str) -> int:
    """About how many tokens a model reads a text as; rather too many than too few."""
    letters = dict.fromkeys(Script, 0)
    for piece in pieces(text):
        letters[piece.script] += len(piece.text)
    others = max(0, len(text) - sum(letters.values()))
    counted = sum(count / CHARACTERS_A_TOKEN[script] for script, count in letters.items())
    # Spaces go with the word behind them; of the rest, most signs are a token of their own.
    spaces = text.count(" ")
    return int(counted + (others - spaces) * 0.5 + spaces / CHARACTERS_A_TOKEN[Script.LATIN]) + 1


def shares(needed: Sequence[int], budget: int, most: int = MOST_TOKENS) -> list[int]:
    """What each of several texts may take of a budget, in their order: all that it needs where that is less
    than an even share, and an even share of what such texts leave; never more than ``most``.
    """
    given = [0] * len(needed)
    left, waiting = budget, sorted(range(len(needed)), key=lambda at: needed[at])
    while waiting:
        at = waiting.pop(0)
        given[at] = min(needed[at], most, left // (len(waiting) + 1))
        left -= given[at]
    return given


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    value: float
    tokens: int
    begins_paragraph: bool


class Excerpter:
    """Cuts documents for one question."""

    def __init__(self, concepts: Sequence[Concept]) -> None:
        self._concepts = [
            (phrases, concept.weight * _ASPECT_VALUE[concept.aspect])
            for concept in concepts
            if (phrases := [f" {' '.join(cut)} " for phrase in concept.phrases if (cut := tokens(phrase))])
        ]

    def excerpt(self, text: str, budget: int) -> str:
        """The sentences of a text that say most about the question, in their order, in at most ``budget``
        tokens (``estimated_tokens``); the whole text where it fits. Gaps are marked.
        """
        if estimated_tokens(text) <= budget:
            return text
        sentences = self._sentences(text)
        if not sentences:
            return ""
        chosen = self._chosen(sentences, budget)
        if not chosen:
            best = max(sentences, key=lambda sentence: sentence.value)
            return _shortened(best.text, budget)
        parts = []
        for before, at in zip([None, *chosen], chosen, strict=False):
            if before is not None:
                follows = at == before + 1
                parts.append("\n" if follows and sentences[at].begins_paragraph else " " if follows else GAP)
            parts.append(sentences[at].text)
        return "".join(parts) + (CUT if chosen[-1] + 1 < len(sentences) else "")

    def _chosen(self, sentences: Sequence[_Sentence], budget: int) -> list[int]:
        gap = estimated_tokens(GAP)
        left, chosen = budget - gap, []
        order = sorted(range(len(sentences)), key=lambda at: (-sentences[at].value, at))
        for at in order:
            cost = sentences[at].tokens + gap
            if cost <= left:
                chosen.append(at)
                left -= cost
        return sorted(chosen)

    def _sentences(self, text: str) -> list[_Sentence]:
        found: list[_Sentence] = []
        before = 0.0
        for sentence, begins in _split(text):
            own = self._value(sentence)
            value = own + FOLLOWING_SHARE * before + (0.0 if found else LEAD_VALUE)
            found.append(_Sentence(sentence, value, estimated_tokens(sentence), begins))
            before = own
        return found

    def _value(self, sentence: str) -> float:
        searched = f" {' '.join(tokens(sentence))} "
        said = sum(
            weight for phrases, weight in self._concepts if any(phrase in searched for phrase in phrases)
        )
        return said + (FIGURE_VALUE if said and _DIGIT.search(sentence) else 0.0)


def _split(text: str) -> list[tuple[str, bool]]:
    """The sentences of a text, and whether each begins a paragraph."""
    found = []
    for paragraph in text.split("\n"):
        begins = True
        for sentence in _SENTENCES.split(paragraph):
            for part in _parts(sentence.strip()):
                found.append((part, begins))
                begins = False
    return found


def _parts(sentence: str) -> list[str]:
    """A sentence, or pieces of one that is too long."""
    parts = []
    longest = int(LONGEST_SENTENCE * CHARACTERS_A_TOKEN[main_script(sentence)])
    while len(sentence) > longest:
        at = sentence.rfind(" ", longest // 2, longest)
        at = longest if at < 0 else at
        parts.append(sentence[:at].rstrip())
        sentence = sentence[at:].lstrip()
    return [*parts, sentence] if sentence else parts


def _shortened(text: str, budget: int) -> str:
    """The beginning of a text, up to a space where there is one."""
    room = budget - estimated_tokens(CUT)
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimated_tokens(text[:middle]) <= room else (low, middle - 1)
    space = text.rfind(" ", low // 2, low)
    return text[: space if space > 0 else low].rstrip() + CUT if low else ""


def _squeezed(text: str) -> str:
    return "".join(text.split())
