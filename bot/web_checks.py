"""The doctor's questions to Slack and to the model server.

Over plain HTTP on purpose: what Slack's library hides is what is asked for here, the granted scopes and
Slack's clock, which come in headers.
"""

from __future__ import annotations

import asyncio
import difflib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from bot.findings import CLOCK_SKEW_SECONDS, Finding, Verdict, clock_is_off
from bot.scopes import AGENT_SCOPE, APP_LEVEL_SCOPE, OPTIONAL_SCOPES, REQUIRED_SCOPES
from bot.settings import Settings, variable

__all__ = ["ANSWER_SECONDS", "check_bot_token", "check_model", "check_way_in"]

ANSWER_SECONDS = 10.0
"""Longest wait for one answer from Slack or the model server: both answer such calls within a second."""

OPENAI_URL = "https://api.openai.com/v1"

TOKEN_WORDS = {
    "invalid_auth": "Slack does not know this token.",
    "not_authed": "Slack was given no token.",
    "account_inactive": "The app was removed from the workspace, or its account was switched off.",
    "token_revoked": "This token was revoked.",
    "token_expired": "This token has expired: token rotation is on for the app, and must be off.",
    "not_allowed_token_type": "This is another kind of token.",
    "missing_scope": "This token lacks a scope.",
    "forbidden_team": "Slack does not let this workspace use Socket Mode.",
}
"""Slack's error code -> what it means to an operator."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A server's answer, read: status, headers, and the JSON object (empty if it was something else)."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    asked_at: float
    """Our clock, in the middle of the exchange."""


class _NoAnswerError(Exception):
    """No HTTP answer; the text is a clause for a sentence."""


async def check_bot_token(
    session: aiohttp.ClientSession, settings: Settings, *, spared: frozenset[str] = frozenset()
) -> list[Finding]:
    """The bot token, what it may do, and Slack's clock: all from one ``auth.test``. ``spared``: required
    scopes that this app does without; one that spares any needs none of the optional ones either.
    """
    name = variable("slack_bot_token")
    if settings.slack_bot_token is None:
        return [
            Finding(
                "bot token",
                Verdict.FAIL,
                f"{name} is not set.",
                "Copy it from Install App > Bot User OAuth Token.",
            )
        ]
    token = settings.slack_bot_token.get_secret_value()
    try:
        answer = await _ask(session, "POST", settings.slack_api_url + "auth.test", token)
    except _NoAnswerError as error:
        return [_slack_is_silent(settings, error)]
    clock = _slack_clock(answer)
    if answer.body.get("ok") is not True:
        advice = f"Copy the Bot User OAuth Token (xoxb-…) from Install App again into {name}."
        if token.startswith("xapp-"):
            advice = (
                f"{name} holds an app-level token (xapp-…); that belongs into {variable('slack_app_token')}."
            )
        return [_slack_refuses("bot token", answer, advice), *clock]
    signed_in = f"Signed in to {answer.body.get('team', 'Slack')} as {answer.body.get('user', 'the app')}."
    found = [Finding("bot token", Verdict.OK, signed_in)]
    if not answer.body.get("bot_id"):
        advice = "Use the Bot User OAuth Token (xoxb-…), not a user's (xoxp-…)."
        found = [Finding("bot token", Verdict.FAIL, "This is a person's token, not the bot's.", advice)]
    return [*found, _scopes(answer, spared), *clock]


def _scopes(answer: _Answer, spared: frozenset[str]) -> Finding:
    required = {scope: why for scope, why in REQUIRED_SCOPES.items() if scope not in spared}
    optional = {} if spared else OPTIONAL_SCOPES
    header = answer.headers.get("x-oauth-scopes")
    if header is None:
        return Finding("scopes", Verdict.WARN, "Slack did not say which scopes are granted.")
    granted = {scope.strip() for scope in header.split(",") if scope.strip()}
    missing = [f"{scope} (to {why})" for scope, why in required.items() if scope not in granted]
    if missing:
        advice = "Add them under OAuth & Permissions > Bot Token Scopes, then reinstall the app."
        return Finding("scopes", Verdict.FAIL, f"Not granted: {', '.join(missing)}.", advice)
    refused = [f"{scope} (to {why})" for scope, why in optional.items() if scope not in granted]
    spare = sorted(granted - {*REQUIRED_SCOPES, *OPTIONAL_SCOPES, AGENT_SCOPE})
    less = f"; optional and not granted: {', '.join(refused)}" if refused else ""
    more = f"; not needed by this app: {', '.join(spare)}" if spare else ""
    said = f"All {len(required)} needed scopes are granted{less}{more}."
    return Finding("scopes", Verdict.OK, said)


async def check_way_in(session: aiohttp.ClientSession, settings: Settings) -> list[Finding]:
    """Socket Mode: does the app token open a connection? HTTP: does the signing secret look like one?"""
    app_name, secret_name = variable("slack_app_token"), variable("slack_signing_secret")
    if settings.slack_app_token is not None:
        token = settings.slack_app_token.get_secret_value()
        try:
            answer = await _ask(session, "POST", settings.slack_api_url + "apps.connections.open", token)
        except _NoAnswerError as error:
            return [_slack_is_silent(settings, error)] if settings.slack_bot_token is None else []
        if answer.body.get("ok") is True and answer.body.get("url"):
            return [Finding("Socket Mode", Verdict.OK, "The app-level token opens connections.")]
        advice = (
            f"Make a token under Basic Information > App-Level Tokens with the scope {APP_LEVEL_SCOPE}, "
            f"set {app_name}, and switch Socket Mode on."
        )
        return [_slack_refuses("Socket Mode", answer, advice)]
    if settings.slack_signing_secret is None:
        sentence = f"Neither {app_name} nor {secret_name} is set: Slack has no way in."
        advice = "Set the first for Socket Mode (no public address needed), the second for HTTP."
        return [Finding("way in", Verdict.FAIL, sentence, advice)]
    where = f"HTTP on port {settings.http_port}, path /slack/events"
    if not re.fullmatch(r"[0-9a-f]{32}", settings.slack_signing_secret.get_secret_value()):
        sentence = f"{where}, but {secret_name} does not look like a signing secret (32 hexadecimal digits)."
        advice = (
            "Copy it from Basic Information > App Credentials > Signing Secret; it is not the client secret."
        )
        return [Finding("way in", Verdict.WARN, sentence, advice)]
    return [Finding("way in", Verdict.OK, f"{where}; the signing secret looks right.")]


@dataclass(frozen=True, slots=True)
class _ModelServer:
    """A model server of the settings. ``fields`` of the settings name its models."""

    part: str
    url: str | None
    key: SecretStr | None
    fields: tuple[str, ...]
    url_name: str
    key_name: str


async def check_model(session: aiohttp.ClientSession, settings: Settings) -> list[Finding]:
    """Is the server there, does it take the key, does it know the names? Its list of models tells. The same
    of the second model, if there is one.
    """
    names = ("model", "plan_model", "section_model")
    url_name, key_name = variable("model_url"), variable("model_key")
    servers = [_ModelServer("model", settings.model_url, settings.model_key, names, url_name, key_name)]
    url_name, key_name = variable("fallback_url"), variable("fallback_key")
    url, key = settings.fallback_url, settings.fallback_key
    if settings.fallback_model is not None:
        servers.append(_ModelServer("fallback model", url, key, ("fallback_model",), url_name, key_name))
    parts = await asyncio.gather(*(_check_server(session, settings, server) for server in servers))
    found = [finding for part in parts for finding in part]
    if settings.fallback_model is None and (url or key):
        name = url_name if url else key_name
        sentence = f"{name} is set, but {variable('fallback_model')} is not: there is no second model."
        found.append(Finding("fallback model", Verdict.WARN, sentence, "Set both or neither."))
    return found


async def _check_server(
    session: aiohttp.ClientSession, settings: Settings, server: _ModelServer
) -> list[Finding]:
    base, key_name, url_name = server.url or OPENAI_URL, server.key_name, server.url_name
    host = urlsplit(base).netloc
    if server.key is None and server.url is None:
        advice = f"Set {key_name} (or OPENAI_API_KEY), or {url_name} for another server."
        return [Finding(server.part, Verdict.FAIL, "There is no key for OpenAI.", advice)]
    key = server.key.get_secret_value() if server.key else None
    try:
        answer = await _ask(session, "GET", base + "/models", key)
    except _NoAnswerError as error:
        advice = f"Is it running, is {url_name} right (usually ending in /v1), may this machine reach it?"
        return [Finding(server.part, Verdict.FAIL, f"The model server {host} {error}.", advice)]
    if answer.status in {401, 403}:
        advice = f"Set {key_name} to a valid key of that server."
        return [Finding(server.part, Verdict.FAIL, f"{host} refuses the key (HTTP {answer.status}).", advice)]
    if answer.status == 429:
        return [
            Finding(server.part, Verdict.WARN, f"{host} takes the key but is over its rate limit or budget.")
        ]
    listed = answer.body.get("data")
    if answer.status != 200 or not isinstance(listed, list):
        sentence = (
            f"{host} does not list its models (HTTP {answer.status}), so the name could not be checked."
        )
        return [
            Finding(
                server.part,
                Verdict.WARN,
                sentence,
                f"If assessments fail, look at {url_name}: it usually ends in /v1.",
            )
        ]
    names = [str(entry["id"]) for entry in listed if isinstance(entry, dict) and "id" in entry]
    found: list[Finding] = []
    for field in server.fields:
        wanted = getattr(settings, field)
        if wanted is not None and wanted not in names:
            near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
            advice = f"Did you mean {' or '.join(near)}? " if near else ""
            sentence = f"{host} does not list a model called {wanted}."
            found.append(Finding(server.part, Verdict.WARN, sentence, f"{advice}Set {variable(field)}."))
    return found or [
        Finding(server.part, Verdict.OK, f"{host} answers and knows {getattr(settings, server.fields[0])}.")
    ]


async def _ask(session: aiohttp.ClientSession, method: str, url: str, token: str | None) -> _Answer:
    """One request. Raises ``_NoAnswerError`` with a clause that follows the server's name."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    started = time.time()
    try:
        async with session.request(method, url, headers=headers) as response:
            try:
                body = await response.json(content_type=None)
            except ValueError:
                body = None
            return _Answer(
                response.status,
                response.headers,
                body if isinstance(body, dict) else {},
                (started + time.time()) / 2,
            )
    except TimeoutError as error:
        raise _NoAnswerError(f"did not answer within {ANSWER_SECONDS:.0f} s") from error
    except aiohttp.ClientConnectorDNSError as error:
        raise _NoAnswerError("is a name this machine cannot resolve") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise _NoAnswerError("shows a certificate this machine does not trust") from error
    except aiohttp.ClientConnectorError as error:
        raise _NoAnswerError("refuses connections, or nothing listens there") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise _NoAnswerError(f"broke off the connection ({type(error).__name__})") from error


def _slack_is_silent(settings: Settings, error: _NoAnswerError) -> Finding:
    host = urlsplit(settings.slack_api_url).netloc
    advice = f"May this machine reach it? {variable('slack_api_url')} names it."
    return Finding("Slack", Verdict.FAIL, f"{host} {error}.", advice)


def _slack_refuses(name: str, answer: _Answer, advice: str) -> Finding:
    code = str(answer.body.get("error", ""))
    if answer.status == 429:
        seconds = answer.headers.get("retry-after", "some")
        return Finding(
            name, Verdict.WARN, f"Slack's rate limit: nothing could be checked for {seconds} seconds."
        )
    if not code:
        sentence = f"The answer (HTTP {answer.status}) is not that of Slack's Web API."
        return Finding(
            name, Verdict.FAIL, sentence, f"Look at {variable('slack_api_url')}: it ends in /api/."
        )
    return Finding(name, Verdict.FAIL, TOKEN_WORDS.get(code, f"Slack refuses this token ({code})."), advice)


def _slack_clock(answer: _Answer) -> list[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return [
            Finding(
                "clock", Verdict.WARN, "Slack's answer carried no time, so the clock could not be compared."
            )
        ]
    ahead = answer.asked_at - theirs
    if abs(ahead) > CLOCK_SKEW_SECONDS:
        return [clock_is_off("Slack", ahead)]
    return [Finding("clock", Verdict.OK, "This machine's clock agrees with Slack's.")]
