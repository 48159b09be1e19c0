"""The reading process: bytes from the web in, clean entries out. ``python -m bot.evidence.reading``.

The only place where hostile bytes meet parsers. It knows no address, no store and no key, has no network of
its own to use, and ends by itself when one document takes too long, so that a parser that hangs or crashes
costs one document.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from typing import Any

from bot.evidence.feeds import Entry, UnreadableError, feed_entries
from bot.evidence.frames import FrameError, pack, receive_frame
from bot.evidence.languages import detected_language
from bot.evidence.pages import article, listed_articles
from bot.evidence.quarantine import quarantined

__all__ = ["DOCUMENT_SECONDS", "main"]

DOCUMENT_SECONDS = 10.0
"""Time one document may take: the largest feeds need a second on a slow core."""

MEMORY_BYTES = 1_500_000_000
"""Address space of the process: libraries map 300 MB, a tree of 8 MB of HTML has 200."""


def main() -> int:
    """Read frames until the pipe ends; answer each with one."""
    # What libraries print must not get between the frames.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(ValueError, OSError):  # a system without such limits, or with lower ones
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    while True:
        try:
            frame = receive_frame(sys.stdin.buffer)
        except FrameError:
            return 1
        if frame is None:
            return 0
        # The default action of this signal ends the process, inside a library's C code too.
        signal.setitimer(signal.ITIMER_REAL, DOCUMENT_SECONDS)
        answer = _answer(*frame)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(pack(answer))
        answers.flush()


def _answer(job: dict[str, Any], body: bytes) -> dict[str, Any]:
    """``entries`` or ``error``; ``bug`` with it where a library failed in a way of its own."""
    hints = {name: job[name] for name in ("url", "content_type", "language")}
    try:
        match job["kind"]:
            case "feed":
                entries = feed_entries(body, **hints)
            case "listing":
                entries = listed_articles(body, **hints, pattern=job["pattern"])
            case _:
                entries = [article(body, **hints)]
    except UnreadableError as error:
        return {"error": str(error)}
    except (MemoryError, RecursionError):
        return {"error": "is built so that reading it exhausts a machine"}
    except Exception as error:  # noqa: BLE001 - parsers meet what nobody foresaw: one document is lost, and told
        return {"error": "could not be parsed", "bug": type(error).__qualname__}
    return {"entries": [clean for entry in entries if (clean := _clean(entry, job["language"])) is not None]}


def _clean(entry: Entry, declared: str) -> dict[str, Any] | None:
    """The entry without what reads like instructions; ``None`` where nothing is left to cite it by."""
    title, in_title = quarantined(entry.title)
    summary, in_summary = quarantined(entry.summary)
    body, in_body = quarantined(entry.body)
    title = " ".join(title.split())
    if not title or (in_title and not (summary or body)):
        return None
    return {
        "title": title,
        "url": entry.url,
        "summary": summary,
        "body": body,
        "published": entry.published.isoformat() if entry.published else None,
        "language": detected_language(f"{title}\n{summary or body[:600]}", declared),
        "quarantined": in_title + in_summary + in_body,
    }


if __name__ == "__main__":
    sys.exit(main())
