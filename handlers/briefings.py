"""``/briefing``: the form, the list, and what is done to one briefing. Notices go to the person alone."""

from __future__ import annotations

from dataclasses import replace

from bot.briefings.briefing import Briefing
from bot.briefings.days_off import holiday_countries
from bot.briefings.office import NotThereError
from bot.briefings.schedule import Schedule
from bot.membership import NotAllowedError
from bot.reception import Reception
from bot.slack import asking_notices
from bot.slack import briefing_form as form
from bot.slack import briefing_notices as notices
from bot.slack.elements import Message, notice
from bot.slack.errors import SlackError
from bot.slack.ways_in import WaysIn
from bot.store.briefing_store import Armed
from bot.turns import ChannelId, TeamId, UserId
from handlers.parsing_briefings import BriefingCommand, FilledBriefing, MenuChoice

__all__ = ["choose_in_menu", "run_briefing_command", "take_briefing_form"]

_HELP = (
    "A briefing is posted here on the mornings you choose.\n"
    "`{command}` opens the form for a new one. `{command} list` shows this channel’s. "
    "`{command} pause`, `resume`, `run now`, `edit`, `delete` or `preview`, with its id where there are "
    "several."
)


async def run_briefing_command(command: BriefingCommand, reception: Reception) -> Message | None:
    """Do what was typed; the answer to the person, or ``None`` where a form opened."""
    away = await reception.door.turned_away(
        command.user_id, user_team_id="", team_id=command.team_id, channel=command.channel
    )
    if away is not None:
        return asking_notices.unwelcome_notice(away)
    if command.verb in {"help", "?"}:
        return notice(_HELP.format(command=command.command))
    return await _run(command, reception)


async def _run(command: BriefingCommand, reception: Reception) -> Message | None:
    if not command.verb:
        return await _open_new(
            command.trigger_id, command.team_id, command.channel, command.user_id, reception
        )
    found = await reception.office.of_channel(command.team_id, command.channel)
    if command.verb == "list" or not found:
        return notices.listed(found) if found else notices.none_here(command.command)
    if not command.name and len(found) > 1:
        return notices.which_one(command.command, command.verb, found)
    try:
        armed = await reception.office.find(command.team_id, command.channel, command.name)
        return await _do(
            command.verb,
            armed,
            by=command.user_id,
            channel=command.channel,
            trigger_id=command.trigger_id,
            reception=reception,
        )
    except (NotAllowedError, NotThereError) as error:
        return notice(error.user_message)


async def choose_in_menu(choice: MenuChoice, reception: Reception) -> Message | None:
    """A briefing's menu in the list."""
    if choice.verb == "new":
        return await _open_new(choice.trigger_id, choice.team_id, choice.channel, choice.user_id, reception)
    try:
        armed = await reception.office.load(choice.team_id, choice.briefing_id)
        return await _do(
            choice.verb,
            armed,
            by=choice.user_id,
            channel=choice.channel or armed.briefing.channel,
            trigger_id=choice.trigger_id,
            reception=reception,
        )
    except (NotAllowedError, NotThereError) as error:
        return notice(error.user_message)


async def _do(
    verb: str, armed: Armed, *, by: UserId, channel: ChannelId, trigger_id: str, reception: Reception
) -> Message | None:
    office, briefing = reception.office, armed.briefing
    match verb:
        case "edit":
            return await _open(trigger_id, briefing, reception)
        case "preview":
            office.preview(briefing, to=by, channel=channel)
            return notices.preview_begun()
        case "pause":
            await office.pause(briefing, by=by)
        case "resume":
            await office.resume(briefing, by=by)
        case "run":
            await office.run_now(briefing, by=by)
        case "delete":
            await office.delete(briefing, by=by)
    return None


async def take_briefing_form(filled: FilledBriefing, reception: Reception) -> dict[str, str]:
    """Schedule it. Returns what is wrong, by block id; the form then stays open."""
    if wrong := _wrong(filled, reception):
        return wrong
    at = filled.at
    if at is None:
        return {form.AT: "Please choose a time."}
    briefing = Briefing(
        briefing_id=filled.briefing_id,
        app_id=reception.app_id,
        team_id=filled.team_id,
        channel=filled.channel,
        owner=filled.user_id,
        personas=filled.personas,
        schedule=Schedule(at, filled.zone, filled.weekdays),
        topics=filled.topics,
        countries=filled.countries,
        length=filled.length,
        holidays_of=filled.holidays_of,
    )
    try:
        due = await reception.office.save(briefing, by=filled.user_id)
    except (NotAllowedError, NotThereError) as error:
        return {form.CHANNEL: error.user_message}
    if due is None:
        return {form.WEEKDAYS: "With these holidays no day is left on which it would run."}
    return {}


def _wrong(filled: FilledBriefing, reception: Reception) -> dict[str, str]:
    known = [code for code in filled.personas if reception.desk.by_code(code) is not None]
    wrong = {
        form.AGENTS: "" if known else "Please choose at least one agent.",
        form.ZONE: "" if filled.zone else "Please choose a time zone.",
        form.WEEKDAYS: "" if filled.weekdays else "Please choose at least one day.",
        form.CHANNEL: "" if filled.channel else "Please choose a channel.",
        form.HOLIDAYS: ""
        if not filled.holidays_of or filled.holidays_of in holiday_countries()
        else "I do not know that country’s holidays.",
    }
    return {block_id: sentence for block_id, sentence in wrong.items() if sentence}


async def _open_new(
    trigger_id: str, team: TeamId, channel: ChannelId, user: UserId, reception: Reception
) -> Message | None:
    zone = await reception.office.zone_of(user)
    return await _open(trigger_id, form.new_briefing(reception.app_id, team, channel, user, zone), reception)


async def _open(trigger_id: str, shown: Briefing, reception: Reception) -> Message | None:
    bound = reception.bound
    if bound and not shown.personas:
        shown = replace(shown, personas=(bound,))
    view = form.briefing_form(reception.desk.personas, shown, countries=holiday_countries())
    try:
        await WaysIn(reception.api).open_view(trigger_id, view)
    except SlackError as error:
        reception.note("briefing.form_not_opened", error)
        return notice("The form could not be opened. Please type the command again.")
    return None
