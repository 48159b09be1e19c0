"""The Web API client: pacing, repetition, errors and what leaves on the wire."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from bot.slack.api import AppIdentity, SlackApi, slack_session
from bot.slack.errors import (
    SlackGoneError,
    SlackOutcomeUnknownError,
    SlackRateLimitedError,
    SlackRefusedError,
    SlackUnavailableError,
    StoppedByUserError,
    StreamExpiredError,
    TextTooLongError,
    error_for,
)
from bot.slack.limits import LIMITS, slack_budgets
from tests.slack.conftest import CHANNEL, FAST, FOOTER, Desk, UnlimitedGovernor

ROOT = Path(__file__).parents[2]


async def post(desk: Desk, **options: bool) -> str:
    return await desk.api.post_message(channel=CHANNEL, text=FOOTER.text, blocks=FOOTER.blocks, **options)


async def test_knows_who_it_speaks_for_and_asks_once(desk: Desk) -> None:
    """Identity and scopes come from auth.test and its header."""
    identity = await desk.api.identity()
    assert identity == await desk.api.identity()
    assert isinstance(identity, AppIdentity)
    assert (identity.team_id, identity.bot_user_id) == ("T0SANDBOX", "U0AGENTS")
    assert {"chat:write", "chat:write.customize"} <= identity.scopes
    assert desk.count("auth.test") == 1


async def test_a_429_pauses_the_method_and_is_repeated(desk: Desk) -> None:
    """Every replica learns of it through the governor."""
    desk.sandbox.fail_next("chat.postMessage", error="ratelimited", retry_after=1)
    await post(desk)
    assert desk.governor.penalised == [("chat.postMessage", 1.0)]
    assert desk.count("chat.postMessage") == 2


async def test_a_429_of_a_booked_call_is_the_callers(desk: Desk) -> None:
    """It may have more to say by then."""
    desk.sandbox.fail_next("chat.postMessage", error="ratelimited", retry_after=7)
    with pytest.raises(SlackRateLimitedError) as error:
        await post(desk, booked=True)
    assert error.value.retry_after_seconds == 7


@pytest.mark.parametrize(
    "fault", [{"drop": "after"}, {"drop": "before"}, {"status": 502}, {"error": "fatal_error"}]
)
async def test_a_post_without_answer_is_not_repeated(desk: Desk, fault: dict[str, object]) -> None:
    """It may be there; the caller looks first."""
    desk.sandbox.fail_next("chat.postMessage", **fault)  # type: ignore[arg-type]
    with pytest.raises(SlackOutcomeUnknownError):
        await post(desk)
    assert desk.governor.booked.count("chat.postMessage") == 1


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"status": 503}, {"error": "internal_error"}])
async def test_an_update_without_answer_is_repeated(desk: Desk, fault: dict[str, object]) -> None:
    """The same update twice is one update."""
    ts = await post(desk)
    desk.sandbox.fail_next("chat.update", times=2, **fault)  # type: ignore[arg-type]
    await desk.api.update_message(channel=CHANNEL, ts=ts, text="new", blocks=FOOTER.blocks)
    assert desk.governor.booked.count("chat.update") == 3


async def test_a_slow_answer_counts_as_lost(desk: Desk) -> None:
    """Nobody waits for ever."""
    desk.sandbox.fail_next("chat.postMessage", delay_seconds=FAST.call_seconds + 1)
    with pytest.raises(SlackOutcomeUnknownError):
        await post(desk)


async def test_no_connection_means_nothing_was_done() -> None:
    """It may be repeated, whatever it was, and then it is Slack that is away."""
    governor = UnlimitedGovernor()
    async with slack_session(FAST) as session:
        api = SlackApi("xoxb-none", governor, session, base_url="http://127.0.0.1:9/api/", limits=FAST)
        with pytest.raises(SlackUnavailableError):
            await api.post_message(channel=CHANNEL, text="x", blocks=[])
    assert len(governor.booked) == FAST.call_attempts


async def test_a_wrong_token_is_said_at_once(desk: Desk) -> None:
    """No repetition helps."""
    async with slack_session(FAST) as session:
        api = SlackApi("xoxb-wrong", desk.governor, session, base_url=desk.sandbox.api_url, limits=FAST)
        with pytest.raises(SlackGoneError, match="invalid_auth"):
            await api.identity()


async def test_connections_are_reused(desk: Desk) -> None:
    """A new TLS handshake for each append would cost more than the append."""
    for _ in range(5):
        await desk.api.thread_messages(channel=CHANNEL, thread_ts=desk.thread_ts)
    connector = desk.api._client.session.connector
    assert connector is not None
    assert sum(len(idle) for idle in connector._conns.values()) == 1


async def test_the_sdk_never_logs_texts(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Below INFO it writes whole requests."""
    with caplog.at_level(logging.DEBUG):
        await desk.api.post_message(channel=CHANNEL, text="a secret word", blocks=FOOTER.blocks)
    assert "secret" not in caplog.text


async def test_reads_a_long_thread_page_by_page(desk: Desk) -> None:
    """With metadata, oldest first."""
    for number in range(7):
        await desk.api.post_message(
            channel=CHANNEL,
            thread_ts=desk.thread_ts,
            text=str(number),
            blocks=(),
            metadata={"event_type": "test", "event_payload": {"number": number}},
        )
    desk.api.limits = type(FAST)(replies_page=3)
    messages = await desk.api.thread_messages(channel=CHANNEL, thread_ts=desk.thread_ts)
    assert [message.metadata.get("number") for message in messages] == [None, *range(7)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("channel_not_found", SlackGoneError),
        ("token_revoked", SlackGoneError),
        ("message_not_in_streaming_state", StreamExpiredError),
        ("msg_too_long", TextTooLongError),
        ("stopped_by_user", StoppedByUserError),
        ("invalid_blocks", SlackRefusedError),
    ],
)
def test_codes_become_errors_that_say_what_to_do(code: str, kind: type[Exception]) -> None:
    """One class for each thing a caller can do about it; each has a sentence for people."""
    error = error_for("chat.postMessage", code)
    assert type(error) is kind
    assert error.user_message.endswith(".")


def test_every_limit_has_unit_reason_and_source() -> None:
    """The table is complete, and each name occurs once."""
    assert all(limit.unit and limit.reason and limit.source and limit.value > 0 for limit in LIMITS)
    assert len({limit.name for limit in LIMITS}) == len(LIMITS)


def test_budgets_are_slacks_documented_minimum() -> None:
    """Tier numbers are what Slack promises at least."""
    budgets = slack_budgets()
    assert (budgets["chat.startStream"].limit, budgets["chat.appendStream"].limit) == (20, 100)
    assert budgets["chat.postMessage"].spacing_seconds == pytest.approx(1.1)
    assert all(budget.window_seconds == 60 for budget in budgets.values())
    assert budgets["chat.appendStream"].burst < budgets["chat.appendStream"].limit
    assert budgets["chat.startStream"].burst == budgets["chat.startStream"].limit


def test_every_method_that_is_called_has_a_budget() -> None:
    """A Web API call without a shared limit would be the first to be refused."""
    # What serves people; the operator's provisioning calls apps.manifest.* alone.
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "bot/slack").glob("*.py")]
    clients = "".join(text for text in texts if re.search(r"(api|self)\.call\(", text))
    called = set(re.findall(r"\"((?!bot\.)(?:[a-z]+\.)+[a-z]+[A-Z]?[A-Za-z]*)\"", clients))

    assert {"chat.postMessage", "conversations.replies", "reactions.add", "views.open"} <= called
    assert called - {"slack.rate_limited"} <= slack_budgets().keys()
