"""The sandbox as a process of its own, and its configuration file."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import orjson
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SandboxError, WorkspaceConfig


async def test_it_prints_its_addresses_and_stops_on_a_signal(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """One JSON line when ready; SIGTERM ends it cleanly."""
    config = tmp_path / "workspace.json"
    config.write_bytes(orjson.dumps({"team_name": "Elsewhere", "apps": [{"bot_token": "xoxb-mine"}]}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.sandbox", "--port", "0", "--page-port", "0", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ready = orjson.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    client = AsyncWebClient(token="xoxb-mine", base_url=ready["api_url"], session=http)
    assert (await client.auth_test())["team"] == "Elsewhere"
    assert ready["apps"][0]["bot_token"] == "xoxb-mine"
    assert ready["page_url"] != ready["api_url"].removesuffix("api/")
    async with http.get(ready["page_url"] + "page/state") as response:
        assert response.status == 200
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.mark.parametrize(
    "data", [{"teem": 1}, {"apps": [{"tokens": 1}]}, {"users": [{"id": "U1"}]}, {"limits": {"speed": 1}}]
)
def test_a_wrong_configuration_is_refused_by_name(data: dict[str, object]) -> None:
    """A misspelt key is an error, not a default."""
    with pytest.raises(SandboxError, match=r"teem|tokens|name|speed"):
        WorkspaceConfig.from_json(data)


def test_a_configuration_can_change_everything() -> None:
    """Users, channels, apps with commands, mentions and limits from JSON."""
    config = WorkspaceConfig.from_json(
        {
            "users": [{"id": "U1", "name": "one", "real_name": "One"}],
            "channels": [{"id": "C1", "name": "desk", "members": ["U1"]}],
            "apps": [{"commands": [{"command": "/x"}], "scopes": ["chat:write"]}],
            "mentions": [{"label": "CN-01", "name": "China", "inserts": "<@U1>"}],
            "limits": {"ack_seconds": 1.0, "redelivery_delays": [1, 2]},
        }
    )
    assert config.channels[0].members == ("U1",)
    assert config.apps[0].commands[0].command == "/x"
    assert config.limits.redelivery_delays == (1, 2)
