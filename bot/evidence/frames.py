"""How our processes talk: frames of JSON over pipes, each with room for bytes.

A frame is two lengths (four bytes each, big-endian), then the JSON, then the bytes.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, BinaryIO

import orjson

__all__ = ["Frame", "FrameError", "pack", "read_frame", "receive_frame"]

_LENGTHS = struct.Struct(">II")

LONGEST = 32 * 1024 * 1024
"""Bytes of one part: four times the largest document that is fetched. More is a broken pipe, not a frame."""

Frame = tuple[dict[str, Any], bytes]


class FrameError(Exception):
    """What came through the pipe is no frame: whoever wrote it is not to be talked to any longer."""


def pack(message: dict[str, Any], attachment: bytes = b"") -> bytes:
    """A frame as it goes over the pipe."""
    text = orjson.dumps(message)
    return _LENGTHS.pack(len(text), len(attachment)) + text + attachment


def _lengths(header: bytes) -> tuple[int, int]:
    text, attachment = _LENGTHS.unpack(header)
    if text > LONGEST or attachment > LONGEST:
        raise FrameError("a frame is too long")
    return text, attachment


def _message(text: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except ValueError as error:
        raise FrameError("a frame holds no JSON") from error
    if not isinstance(message, dict):
        raise FrameError("a frame holds no object")
    return message


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame; ``None`` at the end. Raises ``FrameError``."""
    try:
        text, attachment = _lengths(await reader.readexactly(_LENGTHS.size))
        return _message(await reader.readexactly(text)), await reader.readexactly(attachment)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def receive_frame(pipe: BinaryIO) -> Frame | None:
    """As ``read_frame``, for a process without an event loop."""
    header = pipe.read(_LENGTHS.size)
    if len(header) < _LENGTHS.size:
        return None
    text, attachment = _lengths(header)
    body = pipe.read(text + attachment)
    return (_message(body[:text]), body[text:]) if len(body) == text + attachment else None
