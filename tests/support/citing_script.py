"""The seed script of a model that was given the sources of ``evidence_desk.truce_items``, and cites them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.support.model_replies import ModelRequest, Reply, Script
from tests.support.seed_script import answer, section_key

__all__ = ["FACTS", "SINCE", "citing"]

FACTS = (
    "- The ministry extended the suspension of the October controls by one year [S2].\n"
    "- The tariff linked to fentanyl stays at 10 per cent, officials said [S4].\n"
    "- Both sides kept the consensus of Busan, the agency says [S3]; the ministry confirms it [S2].\n"
    "- Nothing else is stated by the ministry about licences for the other metals [S2].\n"
)
SINCE: dict[str, Any] = {
    "since": "The suspension was extended to 10 November 2027",
    "since_sources": ["S2"],
}
"""What its plan says of the time since the event."""


def citing(
    facts: str = FACTS,
    *,
    plan: dict[str, Any] | None = None,
    later: str = "",
    before: Callable[[ModelRequest], None] | None = None,
) -> Script:
    """``facts`` as section 1, ``plan`` over the plan's fields, ``later`` behind the citations of section 2.
    ``before`` is told of each request.
    """

    def script(request: ModelRequest) -> Reply:
        if before is not None:
            before(request)
        key = section_key(request)
        if key == "1":
            return Reply(facts)
        reply = answer(request)
        if request.schema_name == "plan":
            return Reply(json.dumps(json.loads(reply.text) | (plan or {})))
        if request.schema_name:
            return reply
        # The other sections cite the question alone, so that the tests can count what is cited.
        return Reply(re.sub(r"\[S\d+\]", f"[S1]{later}" if key == "2" else "[S1]", reply.text))

    return script
