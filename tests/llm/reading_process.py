"""A reader of its own, to be killed: ``python reading_process.py URL FILE`` reads a background answer and
keeps its last resume point with the text up to there in FILE, as a checkpoint would.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bot.llm import background
from bot.llm.endpoint import ModelEndpoint, RoleSettings
from bot.llm.openai_model import OpenAIModel
from bot.llm.port import Finished, ModelCall, ResumePoint, Role


async def main(url: str, file: Path) -> None:
    """Read to the end, or until killed."""
    background.POINT_SECONDS = 0.05
    roles = {role: RoleSettings("scripted") for role in Role}
    model = OpenAIModel(ModelEndpoint(roles=roles, key="test-key", url=url, background=True))
    call = ModelCall("t1", "section-1", Role.SECTION, "system", "context", "write", 1000)
    text = ""
    async for item in model.resumable(call):
        if isinstance(item, ResumePoint):
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps({"text": text, "point": asdict(item)}))
            fresh.replace(file)
        elif not isinstance(item, Finished):
            text += item
    await model.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
