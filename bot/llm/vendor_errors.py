"""The SDK's and the transport's errors, and the failures a stream reports, as ours.

Messages are for operators: status, code, parameter and request id. A provider's own sentence never
gets in, because it may quote the prompt.
"""

from __future__ import annotations

import email.utils
import re
import ssl
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import httpx2
import openai

from bot.llm.decoding import Failure, says_too_long
from bot.llm.port import (
    ModelBrokenError,
    ModelConfigurationError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTooLongError,
    ModelUnavailableError,
)

__all__ = ["VENDOR_ERRORS", "error_from_exception", "error_from_failure", "retry_after_seconds"]

VENDOR_ERRORS = (openai.OpenAIError, httpx2.HTTPError, aiohttp.ClientError, OSError, RuntimeError)
"""All that a request or a read can raise. ``OSError`` is what the operating system says of a socket;
``RuntimeError`` is what aiohttp says of a connection that was closed before the read began, and httpx2's
``StreamError`` is one too.
"""

PERMANENT_CODES = frozenset(
    {
        "access_terminated",
        "account_deactivated",
        "authentication_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_quota",
        "invalid_api_key",
        "model_not_found",
        "permission_error",
    }
)
"""Only the operator can help; ``insufficient_quota`` comes as a 429 and is no rate limit."""

BUSY_CODES = frozenset({"rate_limit_exceeded", "rate_limit_error", "too_many_requests", "overloaded_error"})
REFUSAL_CODES = frozenset(
    {"content_filter", "content_policy_violation", "invalid_prompt", "responsible_ai_policy_violation"}
)
"""``invalid_prompt`` is OpenAI's word for a prompt its usage policy stopped. Source: API reference,
``response.error.code``."""

FAILING_CODES = frozenset(
    {"server_error", "internal_error", "internal_server_error", "api_error", "service_unavailable"}
)

WORTH_REPEATING = frozenset({408, 409, 425})
"""Statuses below 500 that the SDK itself would repeat, and 425 (too early)."""


def error_from_exception(error: Exception, *, stream_began: bool) -> ModelError:
    """Map what a request or a read raised; ``stream_began``: the status line had come."""
    if isinstance(error, openai.APIStatusError):
        retry_after = retry_after_seconds(error.response.headers)
        code = _name(error.code) or _name(error.type)
        words = f"status {error.status_code}, code {code or 'none'}, parameter {_name(error.param) or 'none'}"
        return _mapped(
            f"the model server answered {words}, request {_name(error.request_id) or 'unknown'}",
            status=error.status_code,
            code=code,
            too_long=says_too_long(f"{code} {error.message}"),
            retry_after=retry_after,
        )
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
        return ModelConfigurationError("the model server's address is not usable")
    # The transport's renaming of errors misleads: the operating system's or aiohttp's own name is better.
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ModelConfigurationError(f"the model server's certificate is refused: {type(cause).__name__}")
    if stream_began:
        return ModelBrokenError(f"the connection to the model server broke: {type(cause).__name__}")
    return ModelUnavailableError(f"no connection to the model server: {type(cause).__name__}")


def error_from_failure(failure: Failure, *, request_id: str) -> ModelError:
    """Map a failure that the stream itself reported."""
    # llama.cpp gives the HTTP status as the code.
    status = int(failure.code) if failure.code.isdecimal() else None
    code = _name(failure.code)
    words = f"the model's stream ended with code {code or 'none'}, request {request_id}"
    return _mapped(words, status=status, code=code, too_long=failure.too_long, retry_after=None)


def _mapped(  # noqa: PLR0911 (a table, one answer a row)
    words: str, *, status: int | None, code: str, too_long: bool, retry_after: float | None
) -> ModelError:
    if code in PERMANENT_CODES:
        return ModelConfigurationError(words)
    if status == 413 or (too_long and status != 429):
        return ModelTooLongError(words)
    if status == 429 or code in BUSY_CODES or (status is not None and status >= 500 and retry_after):
        return ModelRateLimitedError(words, retry_after_seconds=retry_after)
    if code in REFUSAL_CODES or "policy" in code:
        return ModelRefusedError(words)
    if status in WORTH_REPEATING or (status or 0) >= 500 or code in FAILING_CODES:
        return ModelUnavailableError(words)
    if status is not None:
        return ModelConfigurationError(words)
    return ModelBrokenError(words)


def retry_after_seconds(headers: Mapping[str, Any]) -> float | None:
    """Read ``retry-after-ms`` (OpenAI's) or ``Retry-After`` (seconds or a date, RFC 9110, 10.2.3)."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(float(milliseconds) / 1000, 0.0)
        if (value := headers.get("retry-after")) is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _name(value: object) -> str:
    """Return a code, a parameter's name or an id, if that is what the server sent: never prose."""
    text = str(value or "")
    return text if re.fullmatch(r"[\w.\-\[\]:]{1,100}", text) else ""
