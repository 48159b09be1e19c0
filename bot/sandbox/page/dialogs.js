/** Small dialogs and notices: confirm, keyboard help, toasts, pop-up menus. */

import { freshId, h, iconButton } from "./dom.js";
import { withEmoji } from "./emoji.js";

const TOAST_MS = 6000;
const MOST_TOASTS = 3;

/** Shows a short notice; kind is "error" or "info". Read out to screen readers. */
export function toast(text, kind = "error") {
  const box = document.getElementById("toasts");
  const note = h("div", { class: `toast toast-${kind}`, text });
  box.append(note);
  while (box.children.length > MOST_TOASTS) box.firstChild.remove();
  setTimeout(() => note.remove(), TOAST_MS);
}

/** Says `text` to screen readers only. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** A modal dialog with a title bar. `onClose` runs however it is closed. */
export function openDialog({ title, body, foot = null, onClose = () => {}, className = "", tag = "div" }) {
  const titleId = freshId("dialog");
  const dialog = h("dialog", { class: `dialog ${className}`.trim(), "aria-labelledby": titleId });
  const frame = h(tag, { class: "dialog-frame" },
    h("div", { class: "dialog-head" },
      h("h2", { id: titleId }, withEmoji(title)),
      iconButton("close", "Close", () => dialog.close())),
    h("div", { class: "dialog-body" }, body),
    foot && h("div", { class: "dialog-foot" }, foot));
  if (tag === "form") frame.noValidate = true;
  dialog.append(frame);
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks with a Block Kit confirm object; resolves to whether the person agreed. */
export function confirmed(confirm) {
  return new Promise((resolve) => {
    let agreed = false;
    const text = confirm.text?.text ?? confirm.text ?? "";
    const dialog = openDialog({
      title: confirm.title?.text ?? confirm.title ?? "Are you sure?",
      body: h("p", {}, withEmoji(text)),
      className: "dialog-small",
      onClose: () => resolve(agreed),
      foot: [
        h("button", { type: "button", class: "button", on: { click: () => dialog.close() } },
          withEmoji(confirm.deny?.text ?? "Cancel")),
        h("button", {
          type: "button",
          class: `button ${confirm.style === "danger" ? "button-danger" : "button-primary"}`,
          autofocus: true,
          on: { click: () => { agreed = true; dialog.close(); } },
        }, withEmoji(confirm.confirm?.text ?? "Yes")),
      ],
    });
  });
}

const SHORTCUTS = [
  ["Write", [
    ["Enter", "send"], ["Shift + Enter", "new line"], ["@", "mention a person or a country agent"],
    ["/", "slash command, as the first character"], ["↑ ↓, Enter or Tab", "choose a suggestion"],
    ["Esc", "close the suggestions"], ["↑ in an empty box", "edit your last message"],
  ]],
  ["Read", [
    ["↑ ↓, Home, End", "move between messages"], ["Enter or T", "open the thread"], ["R", "react"], ["M", "more actions, and shortcuts of apps"],
    ["E", "edit your message"], ["Delete", "delete your message"],
  ]],
  ["Move", [
    ["F6, Shift + F6", "next or previous part of the page"], ["Alt + ↑ ↓", "previous or next channel"],
    ["Esc", "close the thread"], ["?", "this list"],
  ]],
];

/** The list of keyboard shortcuts. */
export function openHelp() {
  openDialog({
    title: "Keyboard shortcuts",
    className: "dialog-help",
    body: SHORTCUTS.map(([heading, rows]) => h("section", {}, h("h3", { text: heading }),
      h("dl", {}, rows.map(([keys, deed]) => h("div", {}, h("dt", {}, h("kbd", { text: keys })),
        h("dd", { text: deed })))))),
  });
}

/** A pop-up menu under `anchor`. `items`: [{node, label, run, danger}]; arrows, Enter and Esc work as in any menu. */
export function openMenu(anchor, items, { className = "", label = "Menu" } = {}) {
  const menu = h("div", { class: `menu ${className}`.trim(), role: "menu", "aria-label": label, popover: "auto" },
    items.map((item) => h("button", {
      type: "button", role: "menuitem", class: item.danger ? "menu-item danger" : "menu-item",
      "aria-label": item.label ?? null, title: item.label ?? null,
      on: { click: () => { menu.hidePopover(); item.run(); } },
    }, item.node)));
  // Inside a modal dialog only the dialog's own descendants take clicks.
  (anchor.closest("dialog") ?? document.body).append(menu);
  const place = anchor.getBoundingClientRect();
  menu.showPopover();
  const size = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(place.right - size.width, innerWidth - size.width - 8));
  const below = place.bottom + 4 + size.height < innerHeight;
  menu.style.setProperty("left", `${left}px`);
  menu.style.setProperty("top", `${below ? place.bottom + 4 : Math.max(8, place.top - size.height - 4)}px`);
  const buttons = [...menu.querySelectorAll("button")];
  buttons[0]?.focus();
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.indexOf(document.activeElement);
    buttons[(at + step + buttons.length) % buttons.length].focus();
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    const focusInside = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.remove();
    if (focusInside) anchor.focus();
  });
}
