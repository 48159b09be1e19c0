"""A comparison's card and buttons: within Slack's limits with six agents and five hypotheses, and safe."""

from __future__ import annotations

from dataclasses import replace

from bot.sandbox.block_kit import check_blocks
from bot.slack.comparison_messages import ASSESS_ONE, with_each_assessment, with_table
from bot.slack.elements import Message, actions, button, context, markdown
from bot.slack.tables import without_table
from bot.turns import Asker, ChannelId, Question, TeamId, Turn, UserId, unopened_turn

CODES = ("CN-01", "US-01", "JP-01", "RU-01", "IN-01", "EU-01")
ROWS = (
    ("Agent", *(f"H{n}" for n in range(1, 6))),
    *((code, *["58 % (55–64)"] * 5) for code in CODES),
    ("Spread", *["30–58 %"] * 5),
)
LEGEND = tuple(f"**H{n}:** <!channel> {'word ' * 11}https://evil.example" for n in range(1, 6))


def turn() -> Turn:
    """A question to six."""
    asker = Asker("A1", TeamId("T1"), ChannelId("C1"), UserId("U1"))
    return unopened_turn(asker, key="k", personas=CODES, format_="in-depth", question=Question("What now?"))


def test_a_table_for_six_stands_above_the_buttons() -> None:
    """All cells are in the text, for who cannot see them; Slack would take it."""
    card = Message("CN-01: What now?", (context("x"), actions(button("Stop", "stop_turn", "t1"))))
    shown = with_table(card, ROWS, LEGEND)
    assert [block["type"] for block in shown.blocks] == ["context", "markdown", "table", "actions"]
    assert check_blocks(list(shown.blocks)) == []
    assert len(shown.blocks[2]["rows"]) == 8
    assert "EU-01: H1 58 % (55–64), H2 58 % (55–64)" in shown.text
    assert "<!channel>" not in str(shown)
    assert "evil.example" not in str(shown)
    assert with_table(card, (), LEGEND) is card


def test_the_same_without_a_table_has_its_rows_in_columns() -> None:
    """Each cell under its header."""
    card = with_table(Message("x", (markdown("y", 100),)), ROWS, ())
    plain = without_table(card)
    assert check_blocks(list(plain.blocks)) == []
    lines = plain.blocks[1]["elements"][0]["elements"][0]["text"].splitlines()
    assert lines[0].split() == ["Agent", "H1", "H2", "H3", "H4", "H5"]
    assert len({len(line) for line in lines}) == 1
    assert without_table(plain) is plain


def test_each_has_a_button_that_names_it() -> None:
    """One row of them; a value is the turn and the code."""
    footer = with_each_assessment(Message("x", ()), replace(turn(), turn_id="t1"))
    assert check_blocks(list(footer.blocks)) == []
    buttons = footer.blocks[0]["elements"]
    assert [each["value"] for each in buttons] == [f"t1:{code}" for code in CODES]
    assert buttons[0]["action_id"] == f"{ASSESS_ONE}:CN-01"
    assert buttons[0]["text"]["text"] == "Full assessment CN-01"


def test_a_turn_of_several_is_stored_and_read_back() -> None:
    """As JSON; one of before comparisons has none."""
    asked = turn()
    assert asked.asked == CODES
    assert Turn.from_json(asked.to_json()) == asked
    old = {key: value for key, value in asked.to_json().items() if key not in {"compared", "rests_on"}}
    assert Turn.from_json(old).asked == ("CN-01",)
