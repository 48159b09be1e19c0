/** Block Kit's input elements: a node, and what Slack's view state would say about it. */

import { freshId, h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { channelTitle, state, userName } from "./state.js";

const plain = (text) => withEmoji(text?.text ?? "");
const SINGLE_LINE = { plain_text_input: "text", number_input: "text", email_text_input: "email", url_text_input: "url" };
const CLOCKS = {
  datepicker: ["date", "selected_date", "initial_date"],
  timepicker: ["time", "selected_time", "initial_time"],
  datetimepicker: ["datetime-local", "selected_date_time", "initial_date_time"],
};

function textInput(element) {
  const props = {
    class: "field",
    placeholder: element.placeholder?.text,
    minlength: element.min_length,
    maxlength: element.max_length,
    inputmode: element.type === "number_input" ? "decimal" : null,
  };
  const node = element.multiline
    ? h("textarea", { ...props, rows: 4 })
    : h("input", { ...props, type: SINGLE_LINE[element.type] });
  node.value = element.initial_value ?? "";
  return { node, focus: node, read: () => ({ type: element.type, value: node.value === "" ? null : node.value }) };
}

const optionValue = (option) => option?.value ?? null;

function allOptions(element) {
  return element.option_groups ? element.option_groups.flatMap((group) => group.options) : element.options ?? [];
}

function select(element, options = allOptions(element), groups = element.option_groups) {
  const item = (option) => h("option", { text: option.text?.text ?? "", value: String(options.indexOf(option)) });
  const node = h("select", { class: "field select", data: { actionId: element.action_id ?? "" } },
    h("option", { value: "", text: element.placeholder?.text ?? "Choose an option" }),
    groups
      ? groups.map((group) => h("optgroup", { label: group.label?.text ?? "" }, group.options.map(item)))
      : options.map(item));
  const first = options.findIndex((option) => optionValue(option) === optionValue(element.initial_option));
  node.value = element.initial_option && first >= 0 ? String(first) : "";
  const chosen = () => (node.value === "" ? null : options[Number(node.value)]);
  return { node, focus: node, chosen, read: () => ({ type: element.type, selected_option: chosen() }) };
}

function choices(element, kind, { list = allOptions(element), boxed = false, initial = null } = {}) {
  const name = freshId("choice");
  const preset = new Set((initial ?? element.initial_options ?? [element.initial_option]).filter(Boolean).map(optionValue));
  const boxes = list.map((option) => {
    const box = h("input", { type: kind, name });
    box.checked = preset.has(option.value);
    return [box, option];
  });
  const node = h("div", { class: boxed ? "choices choices-boxed" : "choices",
    role: kind === "radio" ? "radiogroup" : "group", data: { actionId: element.action_id ?? "" } },
  boxes.map(([box, option]) => h("label", { class: "choice" }, box, h("span", {}, plain(option.text),
    option.description && h("small", {}, plain(option.description))))));
  const chosen = () => boxes.filter(([box]) => box.checked).map(([, option]) => option);
  const most = element.max_selected_items ?? Infinity;
  const bound = () => {
    const full = chosen().length >= most;
    for (const [box] of boxes) box.disabled = full && !box.checked;
  };
  node.addEventListener("change", bound);
  bound();
  return { node, focus: node, chosen };
}

function checkboxes(element) {
  const input = choices(element, "checkbox");
  return { ...input, read: () => ({ type: element.type, selected_options: input.chosen() }) };
}

function radios(element) {
  const input = choices(element, "radio");
  return { ...input, read: () => ({ type: element.type, selected_option: input.chosen()[0] ?? null }) };
}

function multiSelect(element) {
  const input = choices(element, "checkbox", { boxed: true });
  return { ...input, read: () => ({ type: element.type, selected_options: input.chosen() }) };
}

const PLACES = {
  users: () => [...state.users.values()].map((u) => ({ text: { text: userName(u.id) }, value: u.id })),
  channels: () => state.channels.filter((c) => !c.is_im && !c.is_private)
    .map((c) => ({ text: { text: `#${c.name}` }, value: c.id })),
  conversations: ({ filter }) => state.channels
    .filter((c) => (filter?.include ?? ["public", "private", "im"]).includes(c.is_im ? "im" : c.is_private ? "private" : "public"))
    .map((c) => ({ text: { text: c.is_im ? channelTitle(c) : `#${c.name}` }, value: c.id })),
};

/** users_select, multi_channels_select and their like: options come from the workspace. */
function places(element) {
  const [, multi, kind] = /^(multi_)?(users|channels|conversations)_select$/.exec(element.type);
  const list = PLACES[kind](element);
  const one = kind.slice(0, -1);
  if (multi) {
    const ids = element[`initial_${kind}`] ?? [];
    const input = choices(element, "checkbox", { list, boxed: true, initial: ids.map((value) => ({ value })) });
    return { ...input, read: () => ({ type: element.type, [`selected_${kind}`]: input.chosen().map((o) => o.value) }) };
  }
  const here = element.default_to_current_conversation ? state.channel : null;
  const initial = element[`initial_${one}`] ?? here;
  const input = select({ ...element, initial_option: initial && { value: initial } }, list, null);
  return { ...input, read: () => ({ type: element.type, [`selected_${one}`]: input.chosen()?.value ?? null }) };
}

function clock(element) {
  const [type, selected, initial] = CLOCKS[element.type];
  const node = h("input", { class: "field field-short", type });
  const start = element[initial];
  if (start) {
    const local = type === "datetime-local" && new Date((start - new Date().getTimezoneOffset() * 60) * 1000);
    node.value = local ? local.toISOString().slice(0, 16) : start;
  }
  const value = () => {
    if (!node.value) return null;
    return type === "datetime-local" ? Math.floor(new Date(node.value).getTime() / 1000) : node.value;
  };
  return { node, focus: node, read: () => ({ type: element.type, [selected]: value() }) };
}

const BUILDERS = {
  plain_text_input: textInput, number_input: textInput, email_text_input: textInput, url_text_input: textInput,
  static_select: select, external_select: select, multi_static_select: multiSelect, checkboxes, radio_buttons: radios,
  users_select: places, channels_select: places, conversations_select: places, multi_users_select: places,
  multi_channels_select: places, multi_conversations_select: places,
  datepicker: clock, timepicker: clock, datetimepicker: clock,
};

/** The single value of what was chosen; null for several or none. */
function chosenValue({ type: _type, ...chosen }) {
  const [value] = Object.values(chosen);
  return Array.isArray(value) ? null : value?.value ?? value ?? null;
}

/**
 * {node, focus, read, action, onChange} of an input element, or null where the type is unknown. `read()` is the value as in
 * Slack's `view.state.values[block_id][action_id]`; `action()` is that with its plain `value`, as an action is told.
 */
export function buildInput(element) {
  const input = BUILDERS[element.type]?.(element);
  if (!input) return null;
  const { node, read } = input;
  return {
    ...input,
    action: () => ({ ...read(), value: chosenValue(read()) }),
    onChange: (fn) => node.addEventListener("change", fn),
  };
}
