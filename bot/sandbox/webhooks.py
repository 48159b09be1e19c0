"""Signed HTTP delivery to an app's request URL, and Slack's verification of that URL."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import ClientConnectionError, ClientError, ClientSession

from bot.sandbox.config import AppConfig
from bot.sandbox.errors import SandboxError
from bot.sandbox.records import Delivery
from bot.sandbox.workspace import Workspace

__all__ = ["Webhooks", "signature"]

_FORM = "application/x-www-form-urlencoded"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature of a request body."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Webhooks:
    """Posts deliveries to the request URLs of apps in HTTP mode."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._urls = {app.app_id: app.request_url for app in workspace.apps.values()}
        self._session: ClientSession | None = None

    def set_url(self, app_id: str, url: str) -> None:
        """Deliver an app's events to another address from now on."""
        self._urls[app_id] = url

    async def verify(self, app: AppConfig) -> None:
        """Slack's url_verification. Raises SandboxError unless the challenge comes back in three seconds."""
        challenge = secrets.token_urlsafe(24)
        body = orjson.dumps(
            {"type": "url_verification", "token": "sandbox", "challenge": challenge, "api_app_id": app.app_id}
        )
        try:
            status, text, _ = await self._post(app, body, "application/json", {})
        except (TimeoutError, ClientError, OSError) as error:
            raise SandboxError(f"request URL of {app.app_id} did not answer") from error
        try:
            decoded = orjson.loads(text)
            echoed = decoded.get("challenge") if isinstance(decoded, dict) else None
        except orjson.JSONDecodeError:
            echoed = text.decode(errors="replace").strip()
        if status != 200 or echoed != challenge:
            raise SandboxError(f"request URL of {app.app_id} did not return the challenge (HTTP {status})")

    async def send(self, delivery: Delivery) -> bool:
        """Post one delivery; fills in the outcome and says whether the app asked for no redelivery."""
        app = self._workspace.app(delivery.app_id)
        headers: dict[str, str] = {}
        if delivery.kind == "events_api":
            body, kind = orjson.dumps(delivery.payload), "application/json"
            if delivery.attempt:
                headers = {
                    "x-slack-retry-num": str(delivery.attempt),
                    "x-slack-retry-reason": delivery.reason or "unknown_error",
                }
        elif delivery.kind == "interactive":
            body, kind = urlencode({"payload": orjson.dumps(delivery.payload).decode()}).encode(), _FORM
        else:
            body, kind = urlencode(delivery.payload).encode(), _FORM
        started = time.perf_counter()
        try:
            status, text, answered = await self._post(app, body, kind, headers)
        except TimeoutError:
            delivery.outcome = "timeout"
        except (ClientConnectionError, OSError):
            delivery.outcome = "no_connection"
        except ClientError:
            delivery.outcome = "connection_lost"
        else:
            delivery.response = _decoded(text)
            delivery.outcome = "acked" if 200 <= status < 300 else f"http_{status}"
            delivery.latency_seconds = time.perf_counter() - started
            return answered.get("x-slack-no-retry") == "1"
        return False

    async def _post(
        self, app: AppConfig, body: bytes, kind: str, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        url = self._urls.get(app.app_id)
        if url is None:
            raise ConnectionError(f"{app.app_id} has no request URL")
        if self._session is None:
            self._session = ClientSession()
        timestamp = str(int(time.time()))
        headers = {
            **headers,
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(app.signing_secret, timestamp, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        async with (
            asyncio.timeout(self._workspace.limits.ack_seconds),
            self._session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            answered = {key.lower(): value for key, value in response.headers.items()}
            return response.status, await response.read(), answered

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _decoded(text: bytes) -> Any:  # noqa: ANN401 - an app may answer with any JSON or with text
    if not text.strip():
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text.decode(errors="replace")}
