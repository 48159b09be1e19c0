"""The Web API's front door: reads a request, authorises it, counts it, calls the method, logs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from bot.sandbox.call import Call, Handler, read_arguments
from bot.sandbox.chat_methods import CHAT_METHODS
from bot.sandbox.config import AppConfig
from bot.sandbox.conversation_methods import CONVERSATION_METHODS
from bot.sandbox.errors import ApiError
from bot.sandbox.faults import Fault, Faults, Gate
from bot.sandbox.file_methods import FILE_METHODS
from bot.sandbox.identity_methods import IDENTITY_METHODS
from bot.sandbox.methods import METHODS, Method
from bot.sandbox.pane_methods import PANE_METHODS
from bot.sandbox.records import CallRecord
from bot.sandbox.stream_methods import STREAM_METHODS
from bot.sandbox.tiers import RateTiers
from bot.sandbox.view_methods import VIEW_METHODS
from bot.sandbox.workspace import Workspace

__all__ = ["WebApi"]

_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class WebApi:
    """Answers ``/api/<method>``. ``more`` are methods that live elsewhere, such as apps.connections.open."""

    def __init__(
        self, workspace: Workspace, faults: Faults, base_url: str, more: Mapping[str, Handler]
    ) -> None:
        self._workspace = workspace
        self._faults = faults
        self._base_url = base_url
        self._tiers = RateTiers(workspace)
        self._handlers: dict[str, Handler] = {
            **CHAT_METHODS,
            **STREAM_METHODS,
            **CONVERSATION_METHODS,
            **IDENTITY_METHODS,
            **VIEW_METHODS,
            **PANE_METHODS,
            **FILE_METHODS,
            **more,
        }
        self._bots = {app.bot_token: app for app in workspace.apps.values()}
        self._apps = {app.app_token: app for app in workspace.apps.values()}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request as Slack would, or spoil the answer as a waiting fault or gate says."""
        name = request.match_info["method"]
        started = time.perf_counter()
        record = CallRecord(name, {}, None, time.time())
        fault = self._faults.take(name)
        gate = await self._gate(request, name)
        if gate is not None and gate.moment == "before":
            fault = await gate.passed() or fault
        if fault is not None and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        headers: dict[str, str] = {}
        if fault is not None and fault.drop == "before":
            record.answer_lost = True
        else:
            await self._perform(request, record, headers, fault)
        record.seconds = time.perf_counter() - started
        self._workspace.log_call(record)
        if gate is not None and gate.moment == "after":
            fault = await gate.passed() or fault
        if fault is not None and fault.late_seconds:
            await asyncio.sleep(fault.late_seconds)
        if fault is not None and fault.drop is not None:
            record.answer_lost = True
            if request.transport is not None:
                request.transport.abort()
        self._workspace.touch()
        body = b"" if record.status >= 500 else orjson.dumps(record.result)
        return web.Response(body=body, status=record.status, headers=headers, content_type="application/json")

    async def _gate(self, request: web.Request, name: str) -> Gate | None:
        """The gate that waits for this call, whoever makes it and whether or not it is well formed."""
        if not self._faults.has_gates or name not in METHODS:
            return None
        try:
            return self._faults.gate(name, await _raw_arguments(request, METHODS[name]))
        except ApiError:
            return None

    async def _perform(
        self, request: web.Request, record: CallRecord, headers: dict[str, str], fault: Fault | None
    ) -> None:
        try:
            method = _method(record.method)
            raw = await _raw_arguments(request, method)
            credential = _credential(request, raw)
            record.args = {key: value for key, value in raw.items() if key != "token"}
            record.unknown_arguments = tuple(
                key for key, value in record.args.items() if key not in method.kinds and value is not None
            )
            app = self._authorised(method, credential, headers)
            record.app_id = app.app_id
            if fault is not None and not fault.done and self._spoiled(fault, record, headers):
                return
            channel = raw.get("channel")
            wait = self._tiers.seconds_to_wait(
                method, app.app_id, channel if isinstance(channel, str) else None
            )
            if wait:
                self._refuse_for_rate(wait, record, headers)
                return
            args = read_arguments(method, raw)
            call = Call(self._workspace, method, app, args, self._base_url)
            record.result = {"ok": True, **self._handlers[method.name](call)}
            if fault is not None and fault.done:
                self._spoiled(fault, record, headers)
        except ApiError as error:
            record.result = error.body()

    @staticmethod
    def _refuse_for_rate(wait: int, record: CallRecord, headers: dict[str, str]) -> None:
        headers["Retry-After"] = str(wait)
        record.status = 429
        record.result = {"ok": False, "error": "ratelimited"}

    def _spoiled(self, fault: Fault, record: CallRecord, headers: dict[str, str]) -> bool:
        if fault.error == "ratelimited" or fault.status == 429:
            self._refuse_for_rate(fault.retry_after or 1, record, headers)
        elif fault.status is not None:
            record.status = fault.status
            record.result = {"ok": False, "error": fault.error or "internal_error"}
        elif fault.error is not None:
            record.result = {"ok": False, "error": fault.error}
        else:
            return False
        return True

    def _authorised(self, method: Method, credential: str | None, headers: dict[str, str]) -> AppConfig:
        if method.credential == "none":
            return self._bots.get(credential or "") or self._workspace.app()
        if not credential:
            raise ApiError("not_authed")
        app = self._bots.get(credential)
        app_level = self._apps.get(credential)
        if app is None and app_level is None:
            raise ApiError("invalid_auth")
        if credential in self._workspace.revoked_tokens:
            raise ApiError("token_revoked")
        found = app_level if method.credential == "app" else app
        if found is None:
            raise ApiError("not_allowed_token_type")
        granted = found.app_scopes if method.credential == "app" else found.scopes
        headers["x-oauth-scopes"] = ",".join(granted)
        headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
        if method.scopes and not set(method.scopes) & set(granted):
            raise ApiError("missing_scope", needed=",".join(method.scopes), provided=",".join(granted))
        return found


def _method(name: str) -> Method:
    try:
        return METHODS[name]
    except KeyError as error:
        raise ApiError("unknown_method", req_method=name) from error


async def _raw_arguments(request: web.Request, method: Method) -> dict[str, Any]:
    """Everything a request says: query first, then a form or JSON body, JSON only where Slack reads it."""
    raw: dict[str, Any] = dict(request.query)
    if request.method != "POST":
        return raw
    kind = request.content_type
    if kind == "application/json":
        body = await request.read()
        if not method.accepts_json or not body:
            return raw
        try:
            decoded = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ApiError("invalid_json") from error
        if not isinstance(decoded, dict):
            raise ApiError("json_not_object")
        # A token inside a JSON body is not looked at: it belongs in the Authorization header.
        decoded.pop("token", None)
        raw.update(decoded)
    elif kind in _FORM_TYPES:
        raw.update(await request.post())
    elif request.can_read_body and await request.read():
        raise ApiError("invalid_post_type")
    return raw


def _credential(request: web.Request, raw: dict[str, Any]) -> str | None:
    header = request.headers.get("Authorization", "")
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    argument = raw.get("token")
    return argument if isinstance(argument, str) else None
