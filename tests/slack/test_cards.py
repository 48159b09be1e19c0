"""Cards, footers and notices: within Slack's limits and safe, whatever is put into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.assessment.events import Report
from bot.sandbox import Sandbox, WorkspaceConfig
from bot.slack import cards
from bot.slack.api import SlackApi, slack_session
from tests.slack.conftest import CHANNEL, UnlimitedGovernor
from tests.slack.recogniser import live

AS_OF = datetime(2026, 11, 22, 21, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Agent:
    """A listed persona."""

    code: str
    name: str


DESK = [Agent("CN-01", "China Agent"), Agent("US-01", "United States Agent"), Agent("JP-01", "Japan Agent")]
HOSTILE = st.sampled_from(
    [
        "<!channel>",
        "@here",
        "https://evil.com",
        "<@U1> ",
        "&lt;!here&gt;",
        "[x](https://evil.com)",
        "China ",
        "&" * 400,
    ]
)
TEXT = st.lists(HOSTILE | st.text(max_size=8), max_size=60).map("".join) | st.just("中" * 4_000)
LINES = st.lists(TEXT, max_size=30).map(tuple)


def texts(value: Any) -> Iterator[str]:
    """Every text in blocks."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


def check(message: cards.Message) -> None:
    """Slack's limits, and nothing live."""
    assert 1 <= len(message.blocks) <= 50
    assert message.text
    assert len(message.text) <= 4_000
    markdown = 0
    for block in message.blocks:
        if block["type"] == "markdown":
            markdown += len(block["text"])
        elif block["type"] == "header":
            assert 1 <= len(block["text"]["text"]) <= 150
        elif block["type"] != "actions":
            assert all(1 <= len(text) <= 3_000 for text in texts(block))
    assert markdown <= 12_000
    for text in [message.text, *texts(message.blocks)]:
        assert live(text) == [], text


@settings(max_examples=60, deadline=None)
@given(TEXT, TEXT, LINES)
def test_a_card_is_safe_and_within_limits(headline: str, line: str, banners: tuple[str, ...]) -> None:
    """Headline, bottom line and banners come from people and models."""
    check(
        cards.card(
            persona_name="CN-01, China Agent",
            headline=headline,
            format_name="In-depth assessment",
            as_of=AS_OF,
            bottom_line=line,
            banners=tuple(banner or "…" for banner in banners),
            check_line=line,
            stop_turn_id="t1",
        )
    )


@settings(max_examples=60, deadline=None)
@given(LINES, TEXT, LINES, LINES)
def test_a_footer_is_safe_and_within_limits(
    sources: tuple[str, ...], line: str, notices: tuple[str, ...], problems: tuple[str, ...]
) -> None:
    """A hundred sources with any titles."""
    check(cards.footer(Report(sources * 4, line, notices, problems), "t1"))


def test_the_stop_button_is_there_while_the_turn_runs() -> None:
    """Its value is the turn."""

    def button(turn: str | None) -> list[tuple[str, str]]:
        card = cards.card(
            persona_name="CN-01, China Agent",
            headline="H",
            format_name="Brief",
            as_of=AS_OF,
            stop_turn_id=turn,
        )
        actions = [block for block in card.blocks if block["type"] == "actions"]
        return [
            (element["action_id"], element["value"]) for block in actions for element in block["elements"]
        ]

    assert button("t1") == [("stop_turn", "t1")]
    assert button(None) == []


def test_a_footer_keeps_links_of_our_own_table_only() -> None:
    """A title that plants a link loses it."""
    sources = ("[1] [Xinhua](https://news.example/a), A", "[2] [Free](https://evil.com), F")
    footer = cards.footer(Report(sources, "ok", ()), "t1", allowed_urls={"https://news.example/a"})
    assert (
        footer.blocks[0]["text"] == "**Sources**\n\n- [1] [Xinhua](https://news.example/a), A\n- [2] Free, F"
    )


def test_a_footer_offers_a_retry_only_where_something_is_missing() -> None:
    """Problems come with a button."""
    good = cards.footer(Report((), "ok", ("AI",)), "t1")
    bad = cards.footer(Report((), "ok", ("AI",), ("Section 3 could not be written.",)), "t1")
    assert [block["type"] for block in good.blocks] == ["context", "context"]
    assert bad.blocks[-1]["elements"][0]["action_id"] == "retry_turn"


def test_the_desk_list_begins_with_the_nearest() -> None:
    """And says how to ask each of them."""
    notice = cards.desk_notice(DESK, [DESK[2]], bot_user_id="U0AGENTS")
    lines = notice.blocks[0]["text"]["text"].splitlines()
    assert lines[0] == "I am not sure whom you are asking. Did you mean JP-01, Japan Agent?"
    assert lines[1] == "• *JP-01* Japan Agent — ask with: <@U0AGENTS> JP-01 …"
    assert len(lines) == 4


def test_a_desk_of_two_hundred_still_fits() -> None:
    """Slack takes 3,000 characters in a section."""
    desk = [Agent(f"XX-{number}", "Some Country Agent") for number in range(200)]
    assert len(cards.desk_notice(desk, [], bot_user_id="U0AGENTS").blocks[0]["text"]["text"]) <= 3_000


NOTICES = [
    cards.desk_notice(DESK, [DESK[2]], bot_user_id="U0AGENTS"),
    cards.how_to_ask_notice(DESK[0], bot_user_id="U0AGENTS"),
    cards.too_long_notice(50_000, 12_000),
    cards.ask_again_notice("t1", asked_before=True),
    cards.ask_again_notice("t1", asked_before=False),
    cards.forgotten_notice(),
    cards.unavailable_notice(),
]
MESSAGES = [
    cards.card(
        persona_name="CN-01, China Agent",
        headline="China, U.S. Strike Rare Earths Truce",
        format_name="In-depth assessment",
        as_of=AS_OF,
        bottom_line="It is **likely (60–75 %)** to hold.",
        banners=("Nothing was retrieved.",),
        check_line="5 judgments",
        stop_turn_id="t1",
    ),
    cards.footer(Report(("[1] Xinhua",), "ok", ("AI",), ("Section 3 could not be written.",)), "t1"),
    cards.failure(cards.GAVE_UP, "t1"),
    cards.stopped("U0DANA", "t1"),
    cards.stopped("", "t1"),
]


async def test_slack_accepts_every_message_and_notice() -> None:
    """The sandbox checks blocks as strictly as Slack does."""
    async with Sandbox(WorkspaceConfig(rate_limits=False)) as sandbox, slack_session() as session:
        api = SlackApi(
            sandbox.config.apps[0].bot_token, UnlimitedGovernor(), session, base_url=sandbox.api_url
        )
        for notice in NOTICES:
            await api.post_ephemeral(channel=CHANNEL, user="U0DANA", text=notice.text, blocks=notice.blocks)
        for message in MESSAGES:
            await api.post_message(channel=CHANNEL, text=message.text, blocks=message.blocks)
        assert all(call.ok and not call.unknown_arguments for call in sandbox.calls)
        assert {ping.method for ping in sandbox.workspace.pings} <= {"chat.postEphemeral"}
