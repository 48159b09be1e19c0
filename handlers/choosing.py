"""The settings on the home tab: depth and language of one's own answers, the agent of a channel."""

from __future__ import annotations

from dataclasses import dataclass

from bot.membership import NotAllowedError
from bot.reception import Reception
from bot.slack import asking_notices, choice_form
from bot.slack.elements import Message, notice
from bot.slack.errors import SlackError
from bot.turns import ChannelId, TeamId, UserId
from handlers.fields import Payload, mapping, string
from handlers.parsing import Action

__all__ = ["ChosenAgent", "choose", "parse_agent_form", "take_agent_form"]


@dataclass(frozen=True, slots=True)
class ChosenAgent:
    """The form of a channel's agent was sent off."""

    team_id: TeamId
    user_id: UserId
    channel: ChannelId
    agent: str
    """Code, or empty for nobody."""


async def choose(action: Action, reception: Reception) -> Message | None:
    """A choice on the tab; what to tell the person where it cannot be made."""
    why = await reception.door.turned_away(
        action.user_id, user_team_id="", team_id=action.team_id, channel=action.user_id
    )
    if why is not None:
        return asking_notices.unwelcome_notice(why)
    if action.action_id == choice_form.CHOOSE_DEPTH:
        await reception.choosing.choose_depth(action.team_id, action.user_id, action.value)
    elif action.action_id == choice_form.CHOOSE_LANGUAGE:
        await reception.choosing.choose_language(action.team_id, action.user_id, action.value)
    else:
        form = choice_form.agent_form(reception.desk.personas)
        try:
            await reception.ways_in.open_view(action.trigger_id, form)
        except SlackError as error:
            reception.note("form.not_opened", error)
            return notice("The form could not be opened. Please press the button again.")
    return None


def parse_agent_form(body: Payload) -> ChosenAgent | None:
    """A submission of the form."""
    view, user = mapping(body, "view"), mapping(body, "user")
    user_id = string(user, "id")
    if (
        string(body, "type") != "view_submission"
        or string(view, "callback_id") != choice_form.AGENT_FORM
        or not user_id
    ):
        return None
    values = mapping(mapping(view, "state"), "values")
    channel = mapping(mapping(values, choice_form.CHANNEL), choice_form.CHANNEL)
    agent = mapping(mapping(mapping(values, choice_form.AGENT), choice_form.AGENT), "selected_option")
    code = string(agent, "value")
    return ChosenAgent(
        team_id=TeamId(string(mapping(body, "team"), "id") or string(user, "team_id")),
        user_id=UserId(user_id),
        channel=ChannelId(string(channel, "selected_conversation")),
        agent="" if code == choice_form.NOBODY else code,
    )


async def take_agent_form(chosen: ChosenAgent, reception: Reception) -> dict[str, str]:
    """Set it. Returns what is wrong, by block id; the form then stays open."""
    if not chosen.channel:
        return {choice_form.CHANNEL: "Please choose a channel."}
    if chosen.agent and reception.desk.by_code(chosen.agent) is None:
        return {choice_form.AGENT: "That agent is not on the desk any more."}
    try:
        await reception.choosing.choose_agent(chosen.team_id, chosen.channel, chosen.agent, by=chosen.user_id)
    except NotAllowedError as error:
        return {choice_form.CHANNEL: error.user_message}
    return {}
