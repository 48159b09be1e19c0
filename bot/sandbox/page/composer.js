/** Where messages are written: the composer of a channel or a thread, and the editor of a sent message. */

import { toast } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { decodeTyped, encodeTyped } from "./mentions.js";
import { post, state } from "./state.js";
import { Suggestions } from "./suggestions.js";

/** A text box grows with its text up to this share of the window, then scrolls. */
const TALLEST = 0.4;

/** What the refusals of Slack's own commands mean to who typed them, by error code. */
const REFUSED = {
  user_not_found: "Write whom, for example @agents, and choose from the list.",
  already_in_channel: "They are in this channel already.",
  not_in_channel: "They are not in this channel.",
  cant_kick_self: "You cannot remove yourself here.",
  method_not_supported_for_channel_type: "That works in channels, not in direct messages.",
};

function grow(field) {
  field.style.height = "auto";
  const border = field.offsetHeight - field.clientHeight;
  if (field.offsetParent === null) return; // hidden: it has no height to measure yet
  field.style.height = `${Math.min(field.scrollHeight + border, innerHeight * TALLEST)}px`;
}

/** A text box with its suggestions: {field, suggestions}; put `suggestions.list` before the field. */
export function textBox({ label, testid, commands, placeholder = "" }) {
  const field = h("textarea", { class: "composer-field", rows: 1, "aria-label": label, placeholder,
    data: { testid }, autocomplete: "off", spellcheck: "true" });
  const suggestions = new Suggestions(field, { commands });
  field.addEventListener("input", () => grow(field));
  return { field, suggestions };
}

export class Composer {
  /**
   * `where()` gives {channel, thread_ts?}; `onSent(answer, wireText)` runs after the server took a message;
   * `editLast()` answers whether there was one to edit.
   */
  constructor({ label, testid, sendTestid, commands = true, where, onSent = () => {}, onCommand = () => {}, editLast }) {
    this.where = where;
    this.onSent = onSent;
    this.onCommand = onCommand;
    this.commands = commands;
    Object.assign(this, textBox({ label, testid, commands }));
    this.button = h("button", { type: "submit", class: "send", title: "Send (Enter)", "aria-label": "Send",
      disabled: true, data: { testid: sendTestid } }, icon("send"));
    this.error = h("p", { class: "composer-error", role: "alert" });
    this.element = h("form", { class: "composer", on: { submit: (event) => {
      event.preventDefault();
      this.send();
    } } },
    this.suggestions.list,
    h("div", { class: "composer-box" }, this.field, this.button),
    this.error,
    h("p", { class: "composer-hint", "aria-hidden": "true" }, h("kbd", { text: "Enter" }), " sends · ",
      h("kbd", { text: "Shift" }), " + ", h("kbd", { text: "Enter" }), " new line · ", h("kbd", { text: "@" }), " mention",
      commands && [" · ", h("kbd", { text: "/" }), " command"]));
    this.field.addEventListener("input", () => {
      this.error.textContent = "";
      this.button.disabled = !this.field.value.trim();
    });
    this.field.addEventListener("keydown", (event) => {
      if (this.suggestions.key(event) || event.isComposing) return;
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        this.send();
      } else if (event.key === "ArrowUp" && !this.field.value && editLast?.()) event.preventDefault();
    });
  }

  label(text) {
    this.field.setAttribute("aria-label", text);
    this.field.placeholder = text;
  }

  /** Puts the caret in, except where that would raise a phone's keyboard unasked. */
  focus() {
    if (matchMedia("(hover: hover)").matches) this.field.focus();
  }

  get value() {
    return this.field.value;
  }

  set value(text) {
    this.field.value = text;
    this.button.disabled = !text.trim();
    this.error.textContent = "";
    this.suggestions.close();
    grow(this.field);
  }

  /** Says something below the box, until the next word is typed. */
  tell(text) {
    this.error.textContent = text;
  }

  /** Sends what is written; on failure the text comes back into the box. */
  async send() {
    const typed = this.value.trim();
    if (!typed) return;
    const place = this.where();
    this.value = "";
    const command = /^\/[a-z0-9_-]+(?=\s|$)/i.exec(typed)?.[0];
    const answer = command ? await this.#command(command, typed, place) : await this.#message(typed, place);
    if (answer.ok) return;
    if (!this.value) this.value = typed;
    this.tell(answer.say ?? `Not sent: ${answer.error ?? "unknown error"}`);
  }

  async #message(typed, place) {
    const text = encodeTyped(typed);
    const answer = await post("message", { ...place, text });
    if (answer.ok) this.onSent(answer, text);
    return answer;
  }

  async #command(command, typed, { channel }) {
    if (!this.commands) return { ok: false, say: `${command} does not work in threads, as in Slack.` };
    const known = state.commands.find((c) => c.command.toLowerCase() === command.toLowerCase());
    if (!known) return { ok: false, say: `${command} is not a command here. To send it as text, put a word before it.` };
    this.onCommand();
    const text = encodeTyped(typed.slice(command.length).trim());
    const answer = await post("command", { channel, command: known.command, text });
    return answer.ok ? answer : { ...answer, say: REFUSED[answer.error] ?? `${command} failed with the error "${answer.error}".` };
  }
}

/** The editor in the place of a message's text. */
export class InlineEditor {
  constructor(wireText, { save, cancel }) {
    const { field, suggestions } = textBox({ label: "Edit message", testid: "editor", commands: false });
    this.field = field;
    field.value = decodeTyped(wireText ?? "");
    const done = () => {
      const typed = field.value.trim();
      if (typed) save(encodeTyped(typed));
      else toast("A message cannot be empty; delete it instead.", "info");
    };
    field.addEventListener("keydown", (event) => {
      if (suggestions.key(event) || event.isComposing) return;
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        done();
      } else if (event.key === "Escape") {
        event.stopPropagation();
        cancel();
      }
    });
    this.element = h("div", { class: "editor" }, suggestions.list, field,
      h("div", { class: "editor-foot" },
        h("button", { type: "button", class: "button", text: "Cancel", on: { click: cancel } }),
        h("button", { type: "button", class: "button button-primary", text: "Save", on: { click: done } })));
  }

  focus() {
    grow(this.field);
    this.field.focus();
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }
}
