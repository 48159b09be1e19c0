/** "Forward message": a message goes along into another channel, with some words of one's own. */

import { renderAttachment } from "./blocks.js";
import { textBox } from "./composer.js";
import { openDialog, toast } from "./dialogs.js";
import { h } from "./dom.js";
import { encodeTyped } from "./mentions.js";
import { authorName } from "./row.js";
import { channelTitle, post, state } from "./state.js";

/** Opens the dialog; `message` is what goes along. */
export function openForward(message) {
  const places = h("select", { class: "field select", "aria-label": "Where to" }, state.channels.map((channel) =>
    h("option", { value: channel.id, selected: channel.id === message.channel,
      text: `${channel.is_im ? "" : "#"}${channelTitle(channel)}` })));
  const { field, suggestions } = textBox({ label: "Your message", testid: "forward-text", commands: false,
    placeholder: "Add a message, such as @CN-01 and a question" });
  const shown = renderAttachment({ author_name: authorName(message), text: message.text || message.markdown || "" }, {});
  const dialog = openDialog({
    title: "Forward this message", tag: "form", className: "dialog-view",
    body: h("div", { class: "view-blocks" }, places, shown,
      h("div", { class: "editor" }, suggestions.list, field)),
    foot: [
      h("button", { type: "button", class: "button", text: "Cancel", on: { click: () => dialog.close() } }),
      h("button", { type: "submit", class: "button button-primary", text: "Forward" }),
    ],
  });
  const form = dialog.querySelector("form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { channel, ts } = message;
    const answer = await post("forward", { channel: places.value, text: encodeTyped(field.value.trim()), source: { channel, ts } });
    if (answer.ok) dialog.close();
    else toast(`Could not forward: ${answer.error}`);
  });
  field.addEventListener("keydown", (event) => {
    if (suggestions.key(event) || event.isComposing || event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.focus();
}
