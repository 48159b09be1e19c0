"""Makes one file and ends: ``python -m bot.export.process KIND``, with a job on standard input.

A process of its own, because setting type is a second or two of pure computing, and the one that streams
answers to Slack must not wait for it.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from bot.export.composing import compose
from bot.export.job import read_job
from bot.export.kinds import Kind
from bot.export.markdown import markdown

__all__ = ["main"]

_NICENESS: Final = 10
"""How far it steps back behind the process that streams, where both want the same core."""


def main() -> None:
    """Read the job, write the file."""
    kind = Kind(sys.argv[1])
    os.nice(_NICENESS)
    document = compose(*read_job(sys.stdin.buffer.read()))
    match kind:
        case Kind.MARKDOWN:
            data = markdown(document)
        case Kind.WORD:
            from bot.export.word import word  # noqa: PLC0415 - each kind loads its own library only

            data = word(document)
        case Kind.PDF:
            from bot.export.pdf import pdf  # noqa: PLC0415 - as above

            data = pdf(document)
    sys.stdout.buffer.write(data)


if __name__ == "__main__":
    main()
