"""Block Kit: the sandbox refuses what Slack refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.block_kit import check_blocks, check_view
from tests.sandbox.conftest import CHANNEL, error_of


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def select(count: int, kind: str = "static_select") -> dict[str, Any]:
    options = [{"text": plain(str(number)), "value": str(number)} for number in range(count)]
    chosen = {"type": kind, "action_id": "pick", "options": options}
    return chosen if kind == "overflow" else {**chosen, "placeholder": plain("Pick")}


CELL = {"type": "raw_text", "text": "cell"}
RICH = {
    "type": "rich_text",
    "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}],
}
CARD = {"type": "task_card", "task_id": "1", "title": "Read", "status": "complete"}

VALID = [
    {"type": "section", "text": mrkdwn("x" * 3000)},
    {"type": "section", "fields": [mrkdwn("x" * 2000)] * 10},
    {"type": "section", "text": plain("x"), "accessory": button()},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider", "block_id": "b" * 255},
    {"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"},
    actions(button(style="primary", value="v" * 2000)),
    actions(*[button(action_id=str(number)) for number in range(25)]),
    actions(select(100)),
    actions(select(5, "overflow")),
    {"type": "context", "elements": [mrkdwn("x")] * 10},
    {"type": "markdown", "text": "x" * 12_000},
    RICH,
    {"type": "table", "rows": [[CELL] * 20] * 100},
    CARD,
    {"type": "plan", "title": "Work", "tasks": [CARD]},
    {"type": "alert", "text": mrkdwn("careful"), "level": "warning"},
    {
        "type": "container",
        "title": plain("More"),
        "child_blocks": [{"type": "divider"}],
        "is_collapsible": True,
    },
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "rate",
                "positive_button": {"text": plain("Good"), "value": "1"},
                "negative_button": {"text": plain("Bad"), "value": "0"},
            }
        ],
    },
    {"type": "data_table", "caption": "c", "rows": [[CELL], [CELL]]},
]

INVALID = [
    {"type": "nonsense"},
    {"text": plain("x")},
    "text",
    {"type": "section"},
    {"type": "section", "text": mrkdwn("")},
    {"type": "section", "text": mrkdwn("x" * 3001)},
    {"type": "section", "text": "x"},
    {"type": "section", "fields": [mrkdwn("x")] * 11},
    {"type": "section", "fields": [mrkdwn("x" * 2001)]},
    {"type": "section", "text": mrkdwn("x"), "colour": "red"},
    {"type": "section", "text": mrkdwn("x"), "accessory": {"type": "nonsense"}},
    {"type": "header", "text": plain("x" * 151)},
    {"type": "header", "text": mrkdwn("x")},
    {"type": "divider", "block_id": "b" * 256},
    {"type": "image", "image_url": "https://example.org/a.png"},
    {"type": "image", "image_url": "https://example.org/" + "a" * 3000, "alt_text": "a"},
    actions(),
    actions(*[button(action_id=str(number)) for number in range(26)]),
    actions(button(), button()),
    actions(button(text=plain("x" * 76))),
    actions(button(text=mrkdwn("x"))),
    actions(button(value="v" * 2001)),
    actions(button(url="u" * 3001)),
    actions(button(style="loud")),
    actions(button(action_id="a" * 256)),
    actions(button(confirm={"title": plain("Sure?")})),
    actions(select(101)),
    actions(select(6, "overflow")),
    actions(select(1) | {"options": [{"text": plain("x" * 76), "value": "v"}]}),
    actions(select(1) | {"options": [{"text": plain("x"), "value": "v" * 151}]}),
    {"type": "context", "elements": [mrkdwn("x")] * 11},
    {"type": "context", "elements": [button()]},
    {"type": "markdown", "text": "x" * 12_001},
    {"type": "markdown"},
    {"type": "rich_text", "elements": [{"type": "nonsense"}]},
    {"type": "table", "rows": [[CELL] * 21]},
    {"type": "table", "rows": [[CELL]] * 101},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "x" * 10_001}]]},
    CARD | {"status": "done"},
    {"type": "alert", "text": mrkdwn("x"), "level": "loud"},
    {"type": "container", "title": plain("x"), "child_blocks": [{"type": "divider"}] * 11},
    {"type": "container", "child_blocks": [{"type": "divider"}]},
    {"type": "context_actions", "elements": [button()]},
    {"type": "carousel", "elements": []},
    {"type": "video", "alt_text": "a", "video_url": "u", "thumbnail_url": "t", "title": plain("x" * 200)},
    {"type": "data_table", "caption": "c", "rows": [[CELL]]},
]


@pytest.mark.parametrize("block", VALID, ids=lambda block: str(block["type"]))
def test_a_valid_block_passes(block: dict[str, Any]) -> None:
    """At its limits every known block is still taken."""
    assert check_blocks([block]) == []


@pytest.mark.parametrize("block", INVALID, ids=lambda block: str(block)[:60])
def test_an_invalid_block_is_refused(block: Any) -> None:
    """Unknown types, missing fields, one character or item too many."""
    assert check_blocks([block])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "rows", "options", "accessory"]), inner
        )
        | st.builds(
            lambda block, more: {**block, **more},
            st.sampled_from(VALID),
            st.dictionaries(st.sampled_from(["text", "elements", "block_id", "rows"]), inner, max_size=1),
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_gets_an_answer(value: Any) -> None:
    """The checks never raise, whatever an app sends."""
    check_blocks(value)
    check_blocks([value])
    check_view(value)


def test_problems_point_to_their_place() -> None:
    """As Slack does, with a JSON pointer."""
    assert check_blocks([{"type": "divider"}, {"type": "header", "text": plain("")}]) == [
        "must be more than 0 characters [json-pointer:/blocks/1/text/text]"
    ]


def test_block_ids_are_unique() -> None:
    """The same block_id twice is refused."""
    assert check_blocks([{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}])


async def test_slacks_details_come_with_the_error(client: AsyncWebClient) -> None:
    """invalid_blocks lists what is wrong."""
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=CHANNEL, text="x", blocks=[{"type": "header"}])
    assert caught.value.response["error"] == "invalid_blocks"
    assert "missing required field: text" in caught.value.response["response_metadata"]["messages"][0]


async def test_a_message_has_at_most_fifty_blocks(client: AsyncWebClient) -> None:
    """Fifty go, fifty-one do not."""
    await client.chat_postMessage(channel=CHANNEL, text="x", blocks=[{"type": "divider"}] * 50)
    many = client.chat_postMessage(channel=CHANNEL, text="x", blocks=[{"type": "divider"}] * 51)
    assert await error_of(many) == "invalid_blocks"


async def test_markdown_blocks_share_twelve_thousand_characters(client: AsyncWebClient) -> None:
    """Each may be within its own limit and all together over it."""
    blocks = [{"type": "markdown", "text": "x" * 6_001}] * 2
    call = client.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks)
    assert await error_of(call) == "msg_blocks_too_long"


async def test_slack_makes_up_missing_ids(client: AsyncWebClient) -> None:
    """Every block but Markdown gets a block_id."""
    blocks = [{"type": "divider"}, {"type": "markdown", "text": "x"}]
    message = (await client.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks))["message"]
    assert message["blocks"][0]["block_id"]
    assert "block_id" not in message["blocks"][1]


INPUT = {
    "type": "input",
    "label": plain("Name"),
    "element": {"type": "plain_text_input", "action_id": "name"},
}


@pytest.mark.parametrize(
    "view",
    [
        {"type": "modal", "blocks": []},
        {"type": "modal", "title": plain("x" * 25), "blocks": []},
        {"type": "modal", "title": plain("x"), "blocks": [INPUT]},
        {"type": "modal", "title": plain("x"), "blocks": [{"type": "markdown", "text": "x"}]},
        {"type": "modal", "title": plain("x"), "blocks": [{"type": "divider"}] * 101},
        {"type": "modal", "title": plain("x"), "blocks": [], "private_metadata": "x" * 3001},
        {"type": "page", "blocks": []},
    ],
)
def test_a_bad_view_is_refused(view: dict[str, Any]) -> None:
    """Modals need a title, a submit button for inputs, and blocks a modal may hold."""
    assert check_view(view)


def test_a_good_view_passes() -> None:
    """A modal with an input, and a home with many blocks."""
    modal = {"type": "modal", "title": plain("Ask"), "submit": plain("Send"), "blocks": [INPUT]}
    assert check_view(modal) == []
    assert check_view({"type": "home", "blocks": [{"type": "divider"}] * 100}) == []
