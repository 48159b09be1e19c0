"""The evidence table: claims, then retrieved items; addresses that may be links."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.evidence.addresses import link_address
from bot.evidence.items import SourceClass
from bot.evidence.table import (
    EXCERPT_WORDS,
    MOST_ITEMS,
    TITLE_CHARS,
    fold,
    percentages,
    table_of_claims,
)
from bot.slack.text_safety import safe_markdown
from bot.turns import Question, Quoted
from tests.support.evidence_desk import item, truce_items
from tests.support.seed_script import QUESTION


def test_the_question_and_what_was_forwarded_are_claims() -> None:
    """S1 is the question, S2 what somebody else wrote; nothing was retrieved."""
    table = table_of_claims(Question("A truce.", (Quoted("Reuters", "They said it."), Quoted("", "x"))))
    assert [(source.id, source.publisher, source.source_class) for source in table.sources] == [
        ("S1", "the person asking", SourceClass.USER_CLAIM),
        ("S2", "Reuters", SourceClass.FORWARDED),
        ("S3", "unknown author", SourceClass.FORWARDED),
    ]
    assert table.retrieved == ()


def test_quotations_in_the_question_are_stored() -> None:
    """Of at most 25 words, without the full stop inside."""
    table = table_of_claims(Question(QUESTION))
    assert [(excerpt.id, excerpt.source_id, excerpt.text) for excerpt in table.excerpts] == [
        ("Q1", "S1", "negotiated every year")
    ]
    assert table_of_claims(Question(f"“{'word ' * (EXCERPT_WORDS + 1)}”")).excerpts == ()


def test_unknown_ids_resolve_to_nothing() -> None:
    """And known ones to their row."""
    table = table_of_claims(Question(QUESTION))
    assert table.source("S9") is None
    assert table.excerpt("Q9") is None
    assert table.source("S1") is table.sources[0]


def test_percentages_are_one_number_in_any_spelling() -> None:
    """With a blank, with a word, as points."""
    assert percentages("57 %, 57%, 57 per cent, 57 percent, 57 percentage points") == {"57"}
    assert percentages("4,5 % and 4.5%") == {"4.5"}


def test_folding_makes_texts_comparable() -> None:
    """Case, quotes, dashes and blanks do not matter."""
    assert fold("“A  DEAL” — ok’s") == fold('"a deal" - ok\'s')


def test_items_get_the_next_numbers_in_their_order() -> None:
    """What is there stays as it is; the same address again is no new source."""
    table = table_of_claims(Question(QUESTION))
    grown = table.with_items(truce_items()[:2])
    again = grown.with_items([*reversed(truce_items()[:3]), truce_items()[0]])
    assert [source.id for source in again.sources] == ["S1", "S2", "S3", "S4"]
    assert again.sources[:3] == grown.sources
    assert grown.with_items(truce_items()[:2]) is grown
    assert [source.publisher for source in again.retrieved] == ["Ministry of Commerce", "Xinhua", "Newswire"]


def test_what_cannot_be_shown_or_cited_is_no_source() -> None:
    """No text, no publisher; without a usable address there is no link; the table has a last row."""
    table = table_of_claims(Question(QUESTION))
    nothing = [item(1, " "), replace(item(2), text="\n"), item(3, publisher="", url="file:///etc/passwd")]
    assert table.with_items(nothing) is table
    (odd,) = table.with_items([item(4, url="javascript:alert(1)")]).retrieved
    assert odd.url is None
    assert len(table.with_items(item(n) for n in range(1, 200)).retrieved) == MOST_ITEMS


def test_titles_and_publishers_are_names_on_one_line() -> None:
    """Without markup, control characters or length."""
    hostile = item(1, title="A [link](https://evil.example) <!channel>\n# *b*\u202e" + "x" * 500)
    (source,) = table_of_claims(Question(QUESTION)).with_items([hostile]).retrieved
    assert len(source.title) <= TITLE_CHARS
    assert not set("[]<>*#\n\u202e") & set(source.title)


def test_owners_are_told_apart_by_group_or_domain() -> None:
    """A source without a group is a group of its own: its registered domain."""
    urls = ("https://www.a.co.uk/1", "https://news.a.co.uk/2", "https://b.co.uk/3", "https://x.org.cn/4")
    items = [item(n, url=url, owner_group="") for n, url in enumerate(urls)]
    table = table_of_claims(Question(QUESTION)).with_items(items)
    assert [source.owner_group for source in table.retrieved] == ["a.co.uk", "a.co.uk", "b.co.uk", "x.org.cn"]


def test_only_readable_spoken_words_are_kept_for_quoting() -> None:
    """No paraphrase, no foreign script, nothing with an address or markup in it; two a source."""
    spoken = "He said “we keep the pause” and “we will talk” and “we stop there”."
    items = [
        item(1, spoken),
        item(2, spoken.replace("We", "I"), source_class=SourceClass.WEB),
        item(3, "商务部表示：“我们将继续执行暂停措施”。"),
        item(4, "He said “see https://evil.example now” and “<!channel> wake up” and “ask @here”."),
    ]
    table = table_of_claims(Question("Nothing quoted.")).with_items(items)
    assert [(excerpt.source_id, excerpt.text) for excerpt in table.excerpts] == [
        ("S2", "we keep the pause"),
        ("S2", "we will talk"),
    ]


@given(
    st.from_regex(
        r"https?://[a-z]{1,8}(\.[a-z]{2,6}){1,2}(/[!-~]{0,20}){0,3}(\?[!-~]{0,30})?", fullmatch=True
    )
)
def test_an_address_of_the_table_survives_as_a_link(url: str) -> None:
    """Whatever stands in it: the last safety layer leaves it alone, and removes what is not allowed."""
    address = link_address(url)
    if address is None:
        return
    assert link_address(address) == address
    text = f"It holds [12]({address})."
    assert safe_markdown(text, allowed_urls={address}).text == text
    assert safe_markdown(text).text != text


def test_plain_addresses_stay_letter_for_letter() -> None:
    """A reader, and a test of the reader's, finds the address that the source gave."""
    for url in ("http://127.0.0.1:8080/n/a_b-c.html?id=1&p=2", "https://example.com/2026/11/x%20y?q=a+b"):
        assert link_address(url) == url
    assert link_address("https://例え.jp/記事?a=(1)") == "https://xn--r8jz45g.jp/%E8%A8%98%E4%BA%8B?a=%281%29"
    for url in (
        "ftp://a.example/x",
        "https://user:pw@a.example/",
        "https://a.example:99999/",
        "https://",
        "x",
    ):
        assert link_address(url) is None
