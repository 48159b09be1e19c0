/** The list of suggestions over a text box: "@" for people and agents, "/" for commands (ARIA combobox pattern). */

import { avatar } from "./avatar.js";
import { freshId, h } from "./dom.js";
import { state } from "./state.js";

const MOST_SHOWN = 12;
const MENTION = /(^|[\s(["'“‘])@([\p{L}\p{N}._-]{0,40})$/u;
const COMMAND = /^\/([a-z0-9_-]{0,40})$/i;

function userByLabel(mention) {
  return [...state.users.values()].find((user) => mention.inserts === `<@${user.id}>`);
}

function mentionItems(typed) {
  const wanted = typed.toLowerCase();
  const rank = ({ label, name }) => {
    if (label.toLowerCase().startsWith(wanted)) return 0;
    if (name.toLowerCase().split(/\s+/).some((word) => word.startsWith(wanted))) return 1;
    return label.toLowerCase().includes(wanted) || name.toLowerCase().includes(wanted) ? 2 : 3;
  };
  return state.mentions
    .map((mention, i) => ({ mention, rank: rank(mention), i }))
    .filter((entry) => entry.rank < 3)
    .sort((a, b) => a.rank - b.rank || a.i - b.i)
    .slice(0, MOST_SHOWN)
    .map(({ mention }) => {
      const user = userByLabel(mention);
      return {
        insert: `@${mention.label} `,
        testid: "mention-option",
        node: [avatar({ name: mention.name, initials: user?.initials, color: user?.color, icon: mention.icon ?? user?.icon }),
          h("strong", { text: mention.label }), h("span", { class: "option-note", text: mention.name })],
      };
    });
}

function commandItems(typed) {
  return state.commands
    .filter(({ command }) => command.toLowerCase().startsWith(`/${typed.toLowerCase()}`))
    .slice(0, MOST_SHOWN)
    .map(({ command, description, usage_hint: hint }) => ({
      insert: `${command} `,
      testid: "command-option",
      node: [h("strong", { text: command }), hint && h("code", { text: hint }),
        h("span", { class: "option-note", text: description })],
    }));
}

/** What is being typed at the caret: {start, items}, or null. */
function context(field, { commands }) {
  if (field.selectionStart !== field.selectionEnd) return null;
  const before = field.value.slice(Math.max(0, field.selectionStart - 60), field.selectionStart);
  const command = commands && field.selectionStart < 60 && COMMAND.exec(before);
  if (command) return { start: 0, items: commandItems(command[1]) };
  const mention = MENTION.exec(before);
  return mention && { start: field.selectionStart - mention[2].length - 1, items: mentionItems(mention[2]) };
}

export class Suggestions {
  #open = null;
  #active = 0;
  #dismissedAt = -1;

  /** Attaches to a textarea; `commands`: whether "/" is offered. */
  constructor(field, { commands = true } = {}) {
    this.field = field;
    this.options = { commands };
    this.list = h("ul", { class: "suggestions", role: "listbox", id: freshId("suggestions"), hidden: true,
      "aria-label": "Suggestions" });
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", this.list.id);
    field.addEventListener("input", (event) => {
      // What was pasted is complete: Enter shall send it, not choose a name once more.
      if (event.inputType === "insertFromPaste") this.close();
      else this.refresh();
    });
    field.addEventListener("click", () => this.refresh());
    field.addEventListener("keyup", (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.refresh();
    });
    field.addEventListener("blur", () => this.close());
  }

  get isOpen() {
    return this.#open !== null;
  }

  refresh() {
    const found = context(this.field, this.options);
    if (!found || !found.items.length || found.start === this.#dismissedAt) {
      if (!found) this.#dismissedAt = -1;
      this.close();
      return;
    }
    this.#open = found;
    this.list.replaceChildren(...found.items.map((item, i) => h("li", {
      role: "option", id: `${this.list.id}-${i}`, class: "suggestion", data: { testid: item.testid },
      on: {
        // Keeps the focus, and with it the caret, in the text box.
        pointerdown: (event) => event.preventDefault(),
        click: () => this.#pick(i),
      },
    }, item.node)));
    this.list.hidden = false;
    // A textbox that shows a list is a combobox; as long as it shows none it is a plain text box.
    this.field.setAttribute("role", "combobox");
    this.field.setAttribute("aria-expanded", "true");
    this.#activate(0);
  }

  close() {
    this.#open = null;
    this.list.hidden = true;
    for (const name of ["role", "aria-expanded", "aria-activedescendant"]) this.field.removeAttribute(name);
  }

  /** Handles a key of the text box; true where it was meant for the list. */
  key(event) {
    if (!this.#open || event.isComposing) return false;
    const count = this.#open.items.length;
    if (event.key === "ArrowDown") this.#activate((this.#active + 1) % count);
    else if (event.key === "ArrowUp") this.#activate((this.#active + count - 1) % count);
    else if ((event.key === "Enter" && !event.shiftKey) || (event.key === "Tab" && !event.shiftKey)) this.#pick(this.#active);
    else if (event.key === "Escape") {
      this.#dismissedAt = this.#open.start;
      this.close();
    } else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #activate(index) {
    this.#active = index;
    [...this.list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
    const option = this.list.children[index];
    this.field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  #pick(index) {
    const { start, items } = this.#open;
    const { insert } = items[index];
    const end = this.field.selectionEnd;
    const rest = this.field.value.slice(end).replace(/^ /, "");
    this.field.value = this.field.value.slice(0, start) + insert + rest;
    this.field.setSelectionRange(start + insert.length, start + insert.length);
    this.close();
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
    this.field.focus();
  }
}
