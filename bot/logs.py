"""Logging: structlog on standard error, identifiers only, other people's loggers kept quiet.

Message text, tokens and the arguments of exceptions must never reach a log. Three nets, because one
forgotten keyword is enough: keys that hold words are dropped, exceptions are told by type and place,
and anything shaped like a token is blacked out, in libraries' records too.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.errors import CountryAgentsError

__all__ = ["FORBIDDEN_KEYS", "configure"]

FORBIDDEN_KEYS = frozenset(
    {
        "arguments", "attachments", "authorization", "blocks", "body", "content", "context", "headers",
        "headline", "instruction", "key", "markdown", "markdown_text", "message", "password", "payload",
        "prompt", "question", "secret", "system", "text", "token", "url",
    }
)  # fmt: skip
"""Fields that hold people's words, a model's words or credentials: dropped with their value."""

CHATTY_LIBRARIES = (
    "slack_sdk",
    "slack_bolt",
    "openai",
    "httpx",
    "httpx2",
    "httpcore2",
    "aiohttp",
    "docket",
    "redis",
)
"""These print bodies, arguments and headers below WARNING (slack_sdk: whole requests and answers at
DEBUG; Bolt: the body of a badly signed request at INFO; docket: the arguments of every job at INFO)."""

TOKEN_SHAPES = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[\w.-]+"  # Slack bot, user, refresh and configuration tokens
    r"|xapp-[\w-]+"  # Slack app-level tokens
    r"|\bsk-[\w-]{6,}"  # OpenAI and compatible keys
    r"|(?i:bearer)\s+\S+"
    r"|(?<=://)[^/\s@]*@"  # user:password@ of an address
)
BLACKED_OUT = "[secret]"
DEEPEST_FRAMES = 5
"""How many frames of a traceback are told, innermost last."""


def configure(level: str, log_format: Literal["text", "json"], *, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging, once, at start-up.

    ``level`` is a name like ``INFO`` and concerns our own events; libraries speak from WARNING up.
    ``stream`` is for tests; the default is standard error.
    """
    own_steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_forbidden_keys,
        _tell_exceptions_by_place,
        _black_out_tokens,
    ]
    printer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=own_steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, printer],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *own_steps,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # loggers made at import time must follow a later configure
    )


def _drop_forbidden_keys(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key in [key for key in event if key.lower() in FORBIDDEN_KEYS]:
        del event[key]
    return event


def _tell_exceptions_by_place(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by the exception's type and the innermost frames.

    Its text is kept only for our own errors, whose messages are written for operators.
    """
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        if isinstance(error, CountryAgentsError):
            event["reason"] = str(error)
        frames = traceback.extract_tb(error.__traceback__)[-DEEPEST_FRAMES:]
        event["at"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _black_out_tokens(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = TOKEN_SHAPES.sub(BLACKED_OUT, value)
    return event
