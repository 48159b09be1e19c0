"""From a question to sources: what a sceptical analyst expects of twelve documents."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import product

import orjson

from bot.evidence.baseline import baseline_of
from bot.evidence.excerpts import TOKENS_AN_ITEM, estimated_tokens
from bot.evidence.finding import Found, Search
from bot.evidence.items import EvidenceRequest
from bot.evidence.protocol import request_from, request_to_json
from bot.evidence.queries import QueryBuilder
from bot.evidence.ranking import Index
from bot.evidence.stored import StoredItem
from bot.turns import Question
from personas.loader import load_personas
from tests.support.stored_news import NOW, stored

PERSONAS = {persona.code: persona for persona in load_personas()}
BUILDER = QueryBuilder(PERSONAS.values())
SEED = (
    "China, U.S. Strike Rare Earths Truce\n\nPresident Trump announces that the US and China have reached a "
    "1-year trade deal on rare earths and critical minerals. In return, the US is cutting tariffs on China "
    "and the 1-year agreement will be “negotiated every year.” What is your most up-to-date and in-depth "
    "assessment?"
)
NAMES = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "Iota", "Kappa", "Mu", "Nu")
NOISE = [
    stored(title, f"{title}. " * 5, hours_ago=hours, owner_group=f"group-{hours}")
    for hours, title in enumerate(
        [
            "President opens school in Jakarta",
            "Trade fair in Hanover draws crowds",
            "US and China swimmers share gold",
            "Strike closes Paris metro for a day",
            "Trump visits Ohio flood victims",
            "Rare disease drug approved in Beijing",
            "Lithium deal signed by Chile miner",
            "Chinese film wins prize in Venice",
            "US inflation slows to 2.4 per cent",
            "Israel and Lebanon truce holds after week",
        ],
        start=1,
    )
]


def found(
    items: Iterable[StoredItem], text: str = SEED, *, persona: str = "CN-01", **fields: object
) -> Found:
    """What is found among these documents."""
    index = Index()
    try:
        index.add(items)
        request = EvidenceRequest("t1", PERSONAS[persona], Question(text), NOW, **fields)  # type: ignore[arg-type]
        return Search(BUILDER, request).find(index)
    finally:
        index.close()


def titles(result: Found) -> list[str]:
    return [item.title for item in result.items]


def test_the_seed_question_finds_what_happened_since() -> None:
    """Asked a year later, the newest report that overtakes the premise comes first; its other words find no
    noise.
    """
    extended = stored(
        "China and US extend rare earths truce by one year",
        "The suspension of export controls now runs until 10 November 2027. Tariffs stay.",
        hours_ago=20,
        country="GB",
        owner_group="wire",
    )
    native = stored(
        "商务部：稀土出口管制暂停措施延长一年",
        "中美双方同意继续暂停。",
        hours_ago=22,
        language="zh-Hans",
        country="CN",
        owner_group="cn-state",
    )
    old = stored(
        "A year of the rare earths trade deal between China and the US: what it brought",
        "The trade deal on rare earths and critical minerals cut tariffs.",
        hours_ago=13 * 24,
        owner_group="tank",
    )
    result = found([old, native, extended, *NOISE])
    assert titles(result)[0] == extended.title
    assert set(titles(result)) == {extended.title, native.title, old.title}
    assert {"rare earths", "稀土"} <= set(result.queries)


def test_the_latest_change_is_seated_among_many_closer_reports() -> None:
    """Twelve reports that repeat the question's words do not crowd out the one that says it is over."""
    echoes = [
        stored(
            f"{name} on rare earths trade deal: {name} {place} tariffs China US {place} {number}",
            f"Truce and tariffs, number {number} of the rare earths trade deal between the US and China.",
            hours_ago=30 + number,
            owner_group=f"group-{number % 4}",
        )
        for number, (name, place) in enumerate(product(NAMES[:5], NAMES[6:10]))
    ]
    over = stored(
        "Beijing suspends licences for magnets",
        "The ministry withdrew from the rare earths truce on Monday. Tariffs are to be answered.",
        hours_ago=1,
        owner_group="wire",
    )
    result = found([*echoes, over], SEED)
    assert over.title in titles(result)
    assert len(result.items) == 12


def test_no_owner_fills_the_table_and_both_parties_are_heard() -> None:
    """One owner has at most half of the places while others have something to say; the Chinese and the
    American side each have one, although others write more of the topic.
    """
    state = [
        stored(
            f"Rare earths tariff truce with the US, report {chr(65 + number)}{number}",
            "rare earths trade deal tariffs " * 5,
            country="CN",
            owner_group="cn-state",
            hours_ago=2,
        )
        for number in range(15)
    ]
    others = [
        stored(
            f"Rare earths {word} in tariff truce",
            "A trade deal.",
            country="GB",
            owner_group=f"gb-{word}",
            hours_ago=5,
        )
        for word in ("prices", "stocks", "mining", "licences", "magnets", "shipping", "quotas")
    ]
    american = stored(
        "Statement on the tariff agreement",
        "The United States welcomes progress on tariffs and rare earths.",
        country="US",
        owner_group="us-government",
        hours_ago=60,
    )
    result = found([*state, *others, american])
    groups = Counter(item.owner_group for item in result.items)
    assert groups["cn-state"] <= 6
    assert {"CN", "US"} <= {item.country for item in result.items}
    alone = found(state[:4])
    assert {item.owner_group for item in alone.items} == {"cn-state"}


def test_a_second_owner_has_a_place_where_there_is_one() -> None:
    """Where one owner has everything that is close, the best of the others is shown as well."""
    state = [
        stored(f"{word} of rare earths tariffs trade deal truce", "", owner_group="cn-state", hours_ago=2)
        for word in ("Signing", "Printing", "Praise", "Text", "Terms")
    ]
    other = stored("Miners wait", "They ask what becomes of rare earths tariffs.", owner_group="wire")
    assert {item.owner_group for item in found([*state, other], limit=4).items} == {"cn-state", "wire"}


def test_near_identical_reports_are_shown_once_in_the_better_copy() -> None:
    """A wire's report in three papers is one report."""
    first = stored("China extends rare earths truce with US", "x " * 20, host="a", reliability="C")
    better = stored("China extends rare earths truce with the US", "x " * 40, host="b", reliability="A")
    assert [item.url for item in found([first, better]).items] == [better.url]


def test_fresh_news_goes_before_old() -> None:
    """Of two reports that say the same, today's comes first; an undated one is not taken for today's."""
    text = "Rare earths truce and tariffs {}."
    items = [
        stored(f"Rare earths truce {age}", text.format(age), hours_ago=hours, owner_group=age)
        for age, hours in (("old", 240.0), ("new", 2.0), ("undated", None))
    ]
    assert titles(found(items)) == [
        "Rare earths truce new",
        "Rare earths truce undated",
        "Rare earths truce old",
    ]


def test_twelve_long_articles_keep_to_the_budget() -> None:
    """All excerpts together take what the setting promises, in any script, and hold what was asked for."""
    long = [
        stored(
            f"{word} and rare earths",
            "The harbour was quiet that day. " * 80 + f"Tariffs on rare earths rise by {number} per cent. "
            "稀土关税上升。" * 40,
            owner_group=word,
        )
        for number, word in enumerate(NAMES)
    ]
    result = found(long)
    assert len(result.items) == 12
    assert sum(estimated_tokens(item.text) for item in result.items) <= 12 * TOKENS_AN_ITEM
    assert all("Tariffs on rare earths rise" in item.text for item in result.items)


def test_a_models_terms_widen_the_search() -> None:
    """What the question calls otherwise is found by a proposed term, in the request or later."""
    item = stored("中重稀土磁材许可新规", "", language="zh-Hans")
    question = "Will Beijing squeeze NdFeB suppliers?"
    assert titles(found([item, *NOISE], question)) == []
    assert titles(found([item, *NOISE], question, extra_terms=("磁材许可",))) == [item.title]
    index = Index()
    index.add([item, *NOISE])
    search = Search(BUILDER, EvidenceRequest("t1", PERSONAS["CN-01"], Question(question), NOW))
    assert not search.find(index).items
    search.propose(["磁材许可"])
    assert titles(search.find(index)) == [item.title]
    index.close()


def test_a_pasted_article_finds_what_it_is_about() -> None:
    """A question of some thousand characters names hundreds of words, of which no document has many."""
    article = SEED + "".join(
        f"\nAnalyst {number} called the {word} of rare earths and of export controls a {word} matter."
        for number, word in enumerate(["grave", "pricing", "licensing", "military", "shipping", "mining"] * 7)
    )
    item = stored("Rare earths export controls: ministry answers", "Tariffs too.", hours_ago=3)
    assert titles(found([item, *NOISE], article))[0] == item.title


def test_a_leader_stands_for_his_country() -> None:
    """“Modi and Trump” is about India and the United States, and asks the sources of both."""
    question = Question("Modi and Trump: will the trade deal be signed?")
    assert [party.country for party in BUILDER.parties(question, PERSONAS["IN-01"])] == ["IN", "US"]
    assert BUILDER.desk_codes(question, PERSONAS["IN-01"]) == ("IN-01", "US-01")


def test_nothing_relevant_is_nothing() -> None:
    """No document is shown because it is the least irrelevant."""
    assert found(NOISE, "What does the Antarctic krill quota mean for Norway?").items == ()
    assert found([], SEED).items == ()


def test_nothing_from_after_the_question() -> None:
    """A question as of a day is answered from what was known then."""
    late = stored("Rare earths truce and tariffs", published_at=NOW + timedelta(hours=1))
    assert found([late]).items == ()


def test_what_speaks_for_a_rival_hypothesis_is_found_and_nothing_else() -> None:
    """Of two reports on the subject, the one that has what the rival says; its words are told as queries."""
    news = [
        stored("US and China keep rare earth truce", "The rare earths truce between the US and China holds."),
        stored(
            "Beijing prepares embargo on rare earths to the US",
            "China prepares an embargo on rare earths against the United States, officials say.",
            owner_group="other",
        ),
        *NOISE,
    ]
    against = found(news, rivals="China declares an embargo; the truce collapses within months")
    assert [item.title for item in against.items] == ["Beijing prepares embargo on rare earths to the US"]
    assert "embargo" in against.queries
    assert "truce" not in against.queries, "the question itself asks for that"


def test_rivals_without_a_word_of_their_own_are_not_searched() -> None:
    """What the question says already was searched for the question."""
    against = found(NOISE, rivals="China and the United States: a rare earths truce")
    assert (against.items, against.queries) == ((), ())


def test_several_who_write_from_one_table_are_all_searched_for() -> None:
    """A comparison's search uses the languages and names of each of them, and both processes know whom."""
    china, japan = PERSONAS["CN-01"], PERSONAS["JP-01"]
    request = EvidenceRequest("t1", china, Question("What of export controls?"), NOW, beside=(japan,))
    assert request_from(json.loads(orjson.dumps(request_to_json(request))), PERSONAS) == request
    alone, both = (BUILDER.query(request.question, china, (), beside) for beside in ((), (japan,)))
    phrases = [{phrase for each in query.concepts for phrase in each.phrases} for query in (alone, both)]
    assert phrases[0] < phrases[1]
    assert any("輸出" in phrase for phrase in phrases[1] - phrases[0])
    baselines = {baseline_of(persona, now=NOW) for persona in request.personas}
    assert len({item.url for item in baselines if item is not None}) == 2
