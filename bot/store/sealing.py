"""Encryption at rest of what is remembered of threads: Fernet (AES-128-CBC and HMAC-SHA256), with rotation.

The first key writes, every key reads: put a new one in front, and drop the old one when its values have
expired or were written again.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.store.thread_store import Plain, Seal

__all__ = ["Encrypted", "seal_for"]


class Encrypted:
    """Values as Fernet tokens. ``keys``: each 32 bytes as URL-safe base64, the writing one first."""

    def __init__(self, keys: list[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def close(self, data: bytes) -> bytes:
        """The value as a token."""
        return self._fernet.encrypt(data)

    def open(self, stored: bytes) -> bytes | None:
        """The value; what was stored before there was a key is read as it is."""
        if (plain := Plain().open(stored)) is not None:
            return plain
        try:
            return self._fernet.decrypt(stored)
        except InvalidToken:
            return None


def seal_for(keys: str) -> Seal:
    """How values are written with these keys, separated by commas; without any, as they are."""
    listed = [key.strip() for key in keys.split(",") if key.strip()]
    return Encrypted(listed) if listed else Plain()
