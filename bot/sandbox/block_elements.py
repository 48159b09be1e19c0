"""The elements inside Block Kit blocks with their limits (docs.slack.dev/reference/block-kit, 2026-09)."""

from __future__ import annotations

from bot.sandbox.shapes import Check, Shape, anything, array, flag, one_of, string, text, typed, whole

__all__ = [
    "ACTIONS_ELEMENTS",
    "ACTION_ID",
    "CONTEXT_ACTION_ELEMENTS",
    "CONTEXT_ELEMENTS",
    "INPUT_ELEMENTS",
    "SECTION_ACCESSORIES",
    "SOURCE",
]

ACTION_ID = string(255)
_ANY_TEXT = ("plain_text", "mrkdwn")
_CONFIRM = Shape(
    {
        "title": text(100),
        "text": text(300, *_ANY_TEXT),
        "confirm": text(30),
        "deny": text(30),
    },
    {"style": one_of("primary", "danger")},
)
_OPTION = Shape(
    {"text": text(75, *_ANY_TEXT), "value": string(150)},
    {"description": text(75, *_ANY_TEXT), "url": string(3000)},
)
_OPTION_GROUP = Shape({"label": text(75), "options": array(_OPTION, 100)})
_INTERACTIVE: dict[str, Check] = {
    "action_id": ACTION_ID,
    "confirm": _CONFIRM,
    "focus_on_load": flag,
}
_INPUT: dict[str, Check] = {**_INTERACTIVE, "placeholder": text(150)}
_FEEDBACK = Shape({"text": text(75), "value": string(2000)}, {"accessibility_label": string(75)})

SOURCE = Shape({"type": one_of("url"), "url": string(3000), "text": string()})


def _select(extra: dict[str, Check], *, multiple: bool = False) -> dict[str, Check]:
    return {**_INPUT, **extra, **({"max_selected_items": whole(1, 100)} if multiple else {})}


def _static(initial: str, check: Check, *, multiple: bool = False) -> Shape:
    extra: dict[str, Check] = {
        "options": array(_OPTION, 100),
        "option_groups": array(_OPTION_GROUP, 100),
        initial: check,
    }
    return Shape({}, _select(extra, multiple=multiple), exactly_one=("options", "option_groups"))


_BUTTON = Shape(
    {"text": text(75)},
    {
        "action_id": ACTION_ID,
        "url": string(3000),
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": _CONFIRM,
        "accessibility_label": string(75),
        "agent_prompt": string(4000),
        "agent_prompt_display": string(),
        "visible_to_user_ids": array(string()),
    },
)
_IMAGE = Shape(
    {"alt_text": string(2000)},
    {"image_url": string(3000), "slack_file": anything},
    exactly_one=("image_url", "slack_file"),
)
_OVERFLOW = Shape({"options": array(_OPTION, 5)}, {"action_id": ACTION_ID, "confirm": _CONFIRM})
_DATEPICKER = Shape({}, {**_INPUT, "initial_date": string(10)})
_TIMEPICKER = Shape({}, {**_INPUT, "initial_time": string(5), "timezone": string()})
_CHOICES: dict[str, Check] = {
    "checkboxes": Shape(
        {"options": array(_OPTION, 10)}, {**_INTERACTIVE, "initial_options": array(_OPTION, 10)}
    ),
    "radio_buttons": Shape({"options": array(_OPTION, 10)}, {**_INTERACTIVE, "initial_option": _OPTION}),
    "datepicker": _DATEPICKER,
    "timepicker": _TIMEPICKER,
    "datetimepicker": Shape({}, {**_INTERACTIVE, "initial_date_time": whole(0, 9_999_999_999)}),
    "static_select": _static("initial_option", _OPTION),
    "multi_static_select": _static("initial_options", array(_OPTION, 100), multiple=True),
    "external_select": Shape(
        {}, _select({"initial_option": _OPTION, "min_query_length": whole(0, 100)}, multiple=False)
    ),
    "multi_external_select": Shape(
        {},
        _select({"initial_options": array(_OPTION, 100), "min_query_length": whole(0, 100)}, multiple=True),
    ),
    "users_select": Shape({}, _select({"initial_user": string()})),
    "multi_users_select": Shape({}, _select({"initial_users": array(string())}, multiple=True)),
    "conversations_select": Shape(
        {},
        _select(
            {
                "initial_conversation": string(),
                "default_to_current_conversation": flag,
                "response_url_enabled": flag,
                "filter": anything,
            }
        ),
    ),
    "multi_conversations_select": Shape(
        {},
        _select(
            {
                "initial_conversations": array(string()),
                "default_to_current_conversation": flag,
                "filter": anything,
            },
            multiple=True,
        ),
    ),
    "channels_select": Shape({}, _select({"initial_channel": string(), "response_url_enabled": flag})),
    "multi_channels_select": Shape({}, _select({"initial_channels": array(string())}, multiple=True)),
}
_TEXT_INPUTS: dict[str, Check] = {
    "plain_text_input": Shape(
        {},
        {
            **_INPUT,
            "initial_value": string(3000, 0),
            "multiline": flag,
            "min_length": whole(0, 3000),
            "max_length": whole(1, 3000),
            "dispatch_action_config": anything,
        },
    ),
    "rich_text_input": Shape({}, {**_INPUT, "initial_value": anything, "dispatch_action_config": anything}),
    "email_text_input": Shape({}, {**_INPUT, "initial_value": string(), "dispatch_action_config": anything}),
    "url_text_input": Shape({}, {**_INPUT, "initial_value": string(), "dispatch_action_config": anything}),
    "number_input": Shape(
        {"is_decimal_allowed": flag},
        {
            **_INPUT,
            "initial_value": string(),
            "min_value": string(),
            "max_value": string(),
            "dispatch_action_config": anything,
        },
    ),
    "file_input": Shape(
        {}, {"action_id": ACTION_ID, "filetypes": array(string(), None, 0), "max_files": whole(1, 10)}
    ),
}
_WORKFLOW_BUTTON = Shape(
    {"text": text(75), "workflow": anything},
    {"action_id": ACTION_ID, "style": one_of("primary", "danger"), "accessibility_label": string(75)},
)
_ACTIONS: dict[str, Check] = {
    **_CHOICES,
    "button": _BUTTON,
    "overflow": _OVERFLOW,
    "workflow_button": _WORKFLOW_BUTTON,
}

ACTIONS_ELEMENTS = typed({**_ACTIONS, "rich_text_input": _TEXT_INPUTS["rich_text_input"]})
SECTION_ACCESSORIES = typed({**_ACTIONS, "image": _IMAGE})
INPUT_ELEMENTS = typed({**_CHOICES, **_TEXT_INPUTS})
CONTEXT_ELEMENTS = typed(
    {"image": _IMAGE, "mrkdwn": text(3000, "mrkdwn"), "plain_text": text(3000, "plain_text")}
)
CONTEXT_ACTION_ELEMENTS = typed(
    {
        "feedback_buttons": Shape(
            {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": ACTION_ID}
        ),
        "icon_button": Shape(
            {"icon": one_of("trash"), "text": text(75)},
            {
                "action_id": ACTION_ID,
                "value": string(2000),
                "confirm": _CONFIRM,
                "accessibility_label": string(75),
                "visible_to_user_ids": array(string()),
            },
        ),
    }
)
