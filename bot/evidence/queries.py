"""From a question to what is looked for: concepts in the languages of the persona and of the parties.

A topic, a country or a term of the persona's glossary that the question names in any language is looked for
in all languages that its sources may use; every other word is looked for as it stands.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from bot.evidence.languages import detected_language, primary
from bot.evidence.phrases import PhraseTable, Unit, units
from bot.evidence.ranking import Aspect, Concept, Ranked
from bot.evidence.segmentation import GRAM_LENGTH, Script, main_script
from bot.evidence.vocabulary import Vocabulary, read_vocabulary
from bot.turns import Question
from personas.persona import Persona

__all__ = ["PARTIES_LOOKED_FOR", "Party", "QueryBuilder", "SearchQuery"]

READ_CHARACTERS: Final = 4_000
"""Of a question and of what was forwarded with it: the rest adds words, not subjects."""

LANGUAGES_READ: Final = ("en",)
"""Searched beside the question's, the persona's and the parties' own languages: every persona has sources in
English.
"""

WEIGHT_TERM: Final = 1.5
"""Of a glossary term or an institution: whoever writes that means that."""
WEIGHT_PROPOSED: Final = 0.8
"""Of a term that a model proposed: likely right, but not what was asked."""
WEIGHT_FORWARDED: Final = 0.5
"""Of words in forwarded material, beside those of the question itself."""
WEIGHT_PART: Final = 0.4
"""Of a run of characters cut out of a text without spaces: it may lie across two words."""
WEIGHT_NUMBER: Final = 0.4
"""Of a number: “57” is in many texts, for many reasons."""
WEIGHT_GENERAL: Final = 0.5
"""Of a topic that half of the news speaks of."""
WEIGHT_BESIDE_KNOWN: Final = 0.6
ENOUGH_KNOWN: Final = 2
"""Where a question names so many things that the desk has a word for, its other words matter less."""
WEIGHT_EMPHASIS: Final = 0.5
WEIGHT_CHANGE: Final = 0.5
"""Of words that tell of a change since: half of the news has one of them."""
HEADLINE_FACTOR: Final = 1.5
"""For what stands in the first line or sentence: it says what the question is about."""

TERMS_SHOWN: Final = 24
"""Of what was searched for; a reader wants to see the direction, not every synonym."""

MOST_CONCEPTS: Final = {Aspect.TOPIC: 24, Aspect.EMPHASIS: 12}
"""Of a question: one of ten lines names as many; an article that was pasted in names hundreds, and no
document speaks of a tenth of them.
"""

PARTIES_LOOKED_FOR: Final = 3
"""Countries whose names are searched for: a text that lists more is about none of them in particular."""

_LINK: Final = re.compile(r"\b(?:https?://|www\.)\S+", re.I)
_MARKUP: Final = re.compile(r"<[^<>\s][^<>]*>|:[a-z0-9_+\-]+:")
"""Slack's mentions, channels, links and emoji."""
_HEADLINE: Final = re.compile(r"\s*(\S[^\n]*?)(?:[.!?](?=\s|$)|[。！？؟।]|\n|$)")
_CHOICES: Final = re.compile(r"\s*(?:[;:,、・]|\s/\s)\s*")
_IN_BRACKETS: Final = re.compile(r"\s*[(（][^)）]*[)）]")
_ACRONYM: Final = re.compile(r"[(（]([A-ZА-Я][A-ZА-Я0-9\-]+)[)）]")
_KATAKANA: Final = re.compile("[ァ-ヺー]{2,}")
_HIRAGANA: Final = re.compile("[ぁ-ゟ]+")


@dataclass(frozen=True, slots=True)
class Party:
    """A country that the question is about."""

    country: str
    """ISO 3166-1 alpha-2."""
    languages: tuple[str, ...] = ()
    """BCP 47 without script and region; empty where the desk has no persona of that country."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for."""

    concepts: tuple[Concept, ...]
    parties: tuple[Party, ...]
    """In the order they are named; the persona's own country first where the question does not name two."""
    terms: tuple[str, ...]
    """What the topic's concepts are called, to show: one name in each script."""

    @property
    def change(self) -> frozenset[int]:
        """Positions of the concepts that tell of a change since."""
        return frozenset(at for at, each in enumerate(self.concepts) if each.aspect is Aspect.CHANGE)

    def topics_in(self, document: Ranked) -> int:
        """How many things that the question is about a document speaks of."""
        return sum(self.concepts[at].aspect is Aspect.TOPIC for at in document.concepts)

    def parties_in(self, document: Ranked) -> int:
        """How many of the parties that were looked for a document names, or is from."""
        named = [at for at, each in enumerate(self.concepts) if each.aspect is Aspect.PARTY]
        looked_for = self.parties[:PARTIES_LOOKED_FOR]
        return sum(
            at in document.concepts or document.item.country == party.country
            for at, party in zip(named, looked_for, strict=True)
        )


class _Named(NamedTuple):
    """What a phrase in a question stands for."""

    country: str = ""
    phrases: tuple[str, ...] = ()
    """In all languages that are searched; of a country, empty."""
    weight: float = 1.0


class _Found(NamedTuple):
    phrases: tuple[str, ...]
    weight: float
    start: int


class QueryBuilder:
    """Reads questions for a desk of personas. Made in about a second; reads a question in milliseconds."""

    def __init__(self, personas: Iterable[Persona]) -> None:
        self._personas = {persona.iso: persona for persona in personas}
        self._vocabulary = read_vocabulary()
        self._countries = _country_table(self._vocabulary, self._personas.values())
        self._topics: PhraseTable[str] = PhraseTable()
        for topic, names in self._vocabulary.topics.items():
            for name in itertools.chain.from_iterable(names.values()):
                self._topics.add(name, topic)

    def query(
        self,
        question: Question,
        persona: Persona,
        proposed: Sequence[str] = (),
        beside: Sequence[Persona] = (),
    ) -> SearchQuery:
        """What to look for. ``proposed`` are terms of a model, in any language; ``beside``: others whose
        languages and names for things are looked for as well. Never raises.
        """
        text = _readable(question.text)
        forwarded = _readable("\n".join(quoted.text for quoted in question.quoted))
        parties = self.parties(question, persona)
        personas = (persona, *beside)
        languages = self._languages(text, personas, parties)
        terms = self._terms(personas, parties)
        reading = _Reading(self._vocabulary, self._topics, self._countries, terms, languages)
        headline = _HEADLINE.match(text)
        found = reading.concepts(text, headline_end=headline.end(1) if headline else 0)
        quoted = reading.concepts(forwarded)
        concepts = _merged(
            [
                *found,
                *(Concept(c.phrases, c.aspect, c.weight * WEIGHT_FORWARDED) for c in quoted),
                *(Concept((term,), Aspect.TOPIC, WEIGHT_PROPOSED) for term in proposed if term.strip()),
                *self._party_concepts(parties, languages),
                self._change(languages),
            ]
        )
        return SearchQuery(tuple(concepts), parties, _shown(concepts))

    def parties(self, question: Question, persona: Persona) -> tuple[Party, ...]:
        """The countries a question names, in order; the persona's own first where they are fewer than two."""
        named = [
            country
            for text in (question.text, *(quoted.text for quoted in question.quoted))
            for match in self._countries.matches(units(_readable(text)))
            for countries in match.values
            for country in countries
        ]
        own = [persona.iso] if persona.iso not in named else []
        order = dict.fromkeys([*own, *named] if len(set(named)) < 2 else named)
        return tuple(Party(country, self._languages_of(country)) for country in order)

    def desk_codes(self, question: Question, persona: Persona) -> tuple[str, ...]:
        """The personas of the countries that a question is about, as far as the desk has them."""
        countries = [party.country for party in self.parties(question, persona)[:PARTIES_LOOKED_FOR]]
        return tuple(self._personas[country].code for country in countries if country in self._personas)

    def _languages_of(self, country: str) -> tuple[str, ...]:
        persona = self._personas.get(country)
        return tuple(dict.fromkeys(primary(tag) for tag in persona.languages)) if persona else ()

    def _languages(self, text: str, personas: Sequence[Persona], parties: Sequence[Party]) -> tuple[str, ...]:
        asked = [primary(detected_language(text))]
        own = [primary(tag) for persona in personas for tag in persona.languages]
        others = [language for party in parties[:PARTIES_LOOKED_FOR] for language in party.languages]
        return tuple(dict.fromkeys([*own, *others, *LANGUAGES_READ, *asked]))

    def _terms(self, personas: Sequence[Persona], parties: Sequence[Party]) -> PhraseTable[_Named]:
        """Glossary and institutions of the personas and of the parties that the desk knows."""
        table: PhraseTable[_Named] = PhraseTable()
        known = [self._personas[party.country] for party in parties if party.country in self._personas]
        for each in dict.fromkeys(person.code for person in (*personas, *known)):
            owner = next(person for person in (*personas, *known) if person.code == each)
            for term in owner.glossary:
                _add_term(table, (term.native, term.transliteration, term.english))
            for body in owner.institutions:
                _add_term(table, (body.native, body.short, body.name))
        return table

    def _party_concepts(self, parties: Sequence[Party], languages: Sequence[str]) -> Iterator[Concept]:
        looked_for = parties[:PARTIES_LOOKED_FOR]
        for party in looked_for:
            names = self._vocabulary.countries.get(party.country, {})
            phrases = [name for language in languages for name in names.get(language, ())]
            persona = self._personas.get(party.country)
            if persona is not None:
                phrases += persona.names
            yield Concept(tuple(dict.fromkeys(phrases)), Aspect.PARTY)
        pairs = [
            pair
            for one, other in itertools.permutations(looked_for, 2)
            for pair in _pairs(self._vocabulary, one.country, other.country, languages)
        ]
        if pairs:
            yield Concept(tuple(dict.fromkeys(pairs)), Aspect.EMPHASIS)

    def _change(self, languages: Sequence[str]) -> Concept:
        """What may have happened since: the question itself asks for it, whatever its words."""
        words = (word for language in languages for word in self._vocabulary.developments.get(language, ()))
        return Concept(tuple(dict.fromkeys(words)), Aspect.CHANGE, WEIGHT_CHANGE)


class _Reading:
    """One question being read."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        topics: PhraseTable[str],
        countries: PhraseTable[tuple[str, ...]],
        terms: PhraseTable[_Named],
        languages: Sequence[str],
    ) -> None:
        self._vocabulary = vocabulary
        self._topics = topics
        self._countries = countries
        self._terms = terms
        self._languages = languages

    def concepts(self, text: str, *, headline_end: int = 0) -> list[Concept]:
        """The topic of a text, and words that stand together in it; in order."""
        read = units(text)
        headline_units = len(units(text[:headline_end]))
        found: list[_Found] = []
        left: list[Unit | None] = list(read)
        for matches in (self._known_terms(read), self._known_topics(read)):
            for start, end, phrases, weight in matches:
                if all(left[start:end]):
                    found.append(_Found(phrases, weight, start))
                    left[start:end] = [None] * (end - start)
        for match in self._countries.matches(read):
            if all(left[match.start : match.end]):
                left[match.start : match.end] = [None] * (match.end - match.start)
        known = len({each.phrases for each in found if each.weight >= 1.0})
        factor = WEIGHT_BESIDE_KNOWN if known >= ENOUGH_KNOWN else 1.0
        found += [each._replace(weight=each.weight * factor) for each in self._other_words(left)]
        concepts = [
            Concept(phrases, Aspect.TOPIC, weight * (HEADLINE_FACTOR if start < headline_units else 1.0))
            for phrases, weight, start in sorted(found, key=lambda each: each.start)
        ]
        return [*concepts, *self._pairs_of_words(left)]

    def _known_terms(self, read: Sequence[Unit]) -> Iterator[tuple[int, int, tuple[str, ...], float]]:
        for match in self._terms.matches(read):
            for term in match.values:
                yield match.start, match.end, term.phrases, term.weight

    def _known_topics(self, read: Sequence[Unit]) -> Iterator[tuple[int, int, tuple[str, ...], float]]:
        for match in self._topics.matches(read):
            said = _written(read[match.start : match.end])
            phrases = [said]
            for topic in match.values:
                names = self._vocabulary.topics[topic]
                phrases += [name for language in self._languages for name in names.get(language, ())]
            general = self._vocabulary.general.issuperset(match.values)
            weight = WEIGHT_GENERAL if general else 1.0
            yield match.start, match.end, tuple(dict.fromkeys(_spacings(phrases))), weight

    def _other_words(self, left: Sequence[Unit | None]) -> Iterator[_Found]:
        for start, run in _runs(left):
            script = run[0].script
            if script is Script.HANGUL:
                word = _written(run)
                if len(word) > 1 and word not in self._vocabulary.stopwords:
                    yield _Found(tuple(_spacings([word])), 1.0, start)
            elif script in GRAM_LENGTH:
                yield from self._parts(start, run, GRAM_LENGTH[script])
            else:
                for offset, unit in enumerate(run):
                    if not self._says_nothing(unit):
                        weight = WEIGHT_NUMBER if script is Script.DIGITS else 1.0
                        yield _Found(tuple(_variants(unit)), weight, start + offset)

    def _says_nothing(self, unit: Unit) -> bool:
        if unit.key in self._vocabulary.stopwords or unit.text in self._vocabulary.stopwords:
            return True
        return len(unit.key) < 2 or (unit.script is Script.DIGITS and len(unit.key) > 12)

    def _parts(self, start: int, run: Sequence[Unit], length: int) -> Iterator[_Found]:
        """What a stretch of unspaced text may be about: loanwords whole, the rest in overlapping parts."""
        text = _written(run)
        for match in _KATAKANA.finditer(text):
            yield _Found((match[0],), 1.0, start + match.start())
        text = _KATAKANA.sub(" ", _HIRAGANA.sub(" ", text))
        for separator in self._vocabulary.separators:
            text = text.replace(separator, " ")
        for stretch in text.split():
            if len(stretch) == length:
                yield _Found((stretch,), 1.0, start)
            elif len(stretch) > length:
                for at in range(len(stretch) - length + 1):
                    yield _Found((stretch[at : at + length],), WEIGHT_PART, start)

    def _pairs_of_words(self, left: Sequence[Unit | None]) -> Iterator[Concept]:
        """“supreme court” is more than both words."""
        for first, second in itertools.pairwise(left):
            if first is None or second is None or first.piece == second.piece:
                continue
            spaced = first.script not in GRAM_LENGTH and second.script not in GRAM_LENGTH
            if spaced and not self._says_nothing(first) and not self._says_nothing(second):
                yield Concept((f"{first.text} {second.text}",), Aspect.EMPHASIS, WEIGHT_EMPHASIS)


def _country_table(vocabulary: Vocabulary, personas: Iterable[Persona]) -> PhraseTable[tuple[str, ...]]:
    """Names of countries, and the pairs that are written as one word, which stand for two."""
    table: PhraseTable[tuple[str, ...]] = PhraseTable()
    for country, names in vocabulary.countries.items():
        for name in itertools.chain.from_iterable(names.values()):
            table.add(name, (country,))
    for topic, country in vocabulary.leaders.items():
        for name in itertools.chain.from_iterable(vocabulary.topics[topic].values()):
            table.add(name, (country,))
    for persona in personas:
        for name in persona.names:
            table.add(name, (persona.iso,))
    for one, other in itertools.permutations(vocabulary.short_names, 2):
        for pair in _pairs(vocabulary, one, other, vocabulary.short_names[one]):
            table.add(pair, (one, other))
    return table


def _pairs(vocabulary: Vocabulary, one: str, other: str, languages: Iterable[str]) -> Iterator[str]:
    ours, theirs = vocabulary.short_names.get(one, {}), vocabulary.short_names.get(other, {})
    for language in languages:
        if language in ours and language in theirs:
            yield ours[language] + theirs[language]


def _add_term(table: PhraseTable[_Named], names: Iterable[str]) -> None:
    phrases = tuple(dict.fromkeys(choice for name in names for choice in _choices(name)))
    for phrase in phrases:
        table.add(phrase, _Named(phrases=phrases, weight=WEIGHT_TERM))


def _choices(name: str) -> Iterator[str]:
    """What a persona's file writes in one field: “Treasury / OFAC”, “root causes (of …)”."""
    yield from _ACRONYM.findall(name)
    for choice in _CHOICES.split(_IN_BRACKETS.sub("", name)):
        plain = choice.strip(" ‘’'\"“”")
        if len(plain) > 1 and not plain.isdigit():
            yield plain


def _readable(text: str) -> str:
    return _MARKUP.sub(" ", _LINK.sub(" ", text[:READ_CHARACTERS]))


def _runs(left: Sequence[Unit | None]) -> Iterator[tuple[int, list[Unit]]]:
    """Stretches of one piece of which nothing has been recognised yet."""
    run: list[Unit] = []
    start = 0
    for at, unit in enumerate([*left, None]):
        if run and (unit is None or unit.piece != run[-1].piece):
            yield start, run
            run = []
        if unit is not None:
            if not run:
                start = at
            run.append(unit)


def _variants(unit: Unit) -> Iterator[str]:
    """A word, and in Arabic what it is if its first letter is one of the prepositions that are written onto
    it: the index cannot know, since as many words begin with that letter.
    """
    yield unit.text
    if unit.script is Script.ARABIC and len(unit.text) > 4 and unit.text[0] in "لبك":
        yield unit.text[1:]


def _written(run: Iterable[Unit]) -> str:
    """Units as text again."""
    text, piece = "", None
    for unit in run:
        text += unit.text if piece in (None, unit.piece) else f" {unit.text}"
        piece = unit.piece
    return text


def _spacings(phrases: Iterable[str]) -> Iterator[str]:
    """Korean compounds are written with and without a space."""
    for phrase in phrases:
        yield phrase
        korean = "가" <= phrase[0] <= "힣"
        if korean and " " in phrase:
            yield phrase.replace(" ", "")
        elif korean and len(phrase) >= 4:
            yield from (f"{phrase[:at]} {phrase[at:]}" for at in range(2, len(phrase) - 1))


def _shown(concepts: Iterable[Concept]) -> tuple[str, ...]:
    shown = []
    for concept in concepts:
        if concept.aspect is Aspect.TOPIC and concept.weight > WEIGHT_PART:
            by_script = {main_script(phrase): phrase for phrase in reversed(concept.phrases)}
            shown += [phrase for phrase in concept.phrases if phrase in by_script.values()]
    return tuple(dict.fromkeys(shown))[:TERMS_SHOWN]


def _merged(concepts: Iterable[Concept]) -> list[Concept]:
    """Each concept once, with the largest weight it was given, and more for each time it is named; of a long
    text, those that it is most about.
    """
    merged: dict[tuple[tuple[str, ...], Aspect], Concept] = {}
    named: Counter[tuple[tuple[str, ...], Aspect]] = Counter()
    for concept in concepts:
        key = (tuple(sorted(concept.phrases)), concept.aspect)
        named[key] += 1
        if key not in merged or merged[key].weight < concept.weight:
            merged[key] = concept
    weighed = [
        replace(concept, weight=concept.weight * (1 + math.log(named[key])))
        if concept.aspect is Aspect.TOPIC
        else concept
        for key, concept in merged.items()
    ]
    dropped = {id(each) for aspect, most in MOST_CONCEPTS.items() for each in _least(weighed, aspect, most)}
    return [concept for concept in weighed if id(concept) not in dropped]


def _least(concepts: Iterable[Concept], aspect: Aspect, most: int) -> list[Concept]:
    """What a question with too many concepts says least about; a word that is in no table counts half."""
    of_aspect = [concept for concept in concepts if concept.aspect is aspect]
    return sorted(of_aspect, key=lambda each: -each.weight * (1.0 if len(each.phrases) > 1 else 0.5))[most:]
