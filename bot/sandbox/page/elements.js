/** Block Kit's interactive elements. Each builder gets (element, ctx, blockId); ctx.act(payload) tells the app. */

import { confirmed, openMenu, toast } from "./dialogs.js";
import { h, icon, iconButton } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { buildInput } from "./inputs.js";
import { openUrl } from "./permalinks.js";

const plain = (text) => withEmoji(text?.text ?? "");

async function act(node, element, ctx, blockId, extra) {
  if (element.confirm && !(await confirmed(element.confirm))) return;
  node.setAttribute("aria-busy", "true");
  const answer = await ctx.act({ action_id: element.action_id, block_id: blockId, type: element.type, ...extra });
  node.removeAttribute("aria-busy");
  if (!answer.ok) toast(`The app did not take this: ${answer.error ?? "unknown error"}`);
}

function button(element, ctx, blockId) {
  const style = { primary: "button-primary", danger: "button-danger" }[element.style] ?? "";
  const node = h("button", {
    type: "button",
    class: `button ${style}`.trim(),
    "aria-label": element.accessibility_label,
    data: { actionId: element.action_id ?? "" },
    on: {
      click: () => {
        if (element.url) openUrl(element.url);
        act(node, element, ctx, blockId, element.value === undefined ? {} : { value: element.value });
      },
    },
  }, plain(element.text));
  return node;
}

function overflow(element, ctx, blockId) {
  const node = iconButton("more", "More actions", () => openMenu(node, (element.options ?? []).map((option) => ({
    node: plain(option.text),
    run: () => {
      if (option.url) openUrl(option.url);
      act(node, element, ctx, blockId, { selected_option: option, value: option.value });
    },
  }))), { class: "bordered", "aria-haspopup": "menu", data: { actionId: element.action_id ?? "" } });
  return node;
}

function feedback(element, ctx, blockId) {
  const pair = [["positive_button", "up"], ["negative_button", "thumbDown"]];
  const group = h("span", { class: "feedback", role: "group", "aria-label": "Feedback" });
  for (const [key, glyph] of pair) {
    const choice = element[key];
    if (!choice) continue;
    const label = choice.accessibility_label ?? choice.text?.text ?? key;
    const node = h("button", {
      type: "button", class: "button button-quiet", title: label, "aria-pressed": "false", "aria-label": label,
      data: { actionId: element.action_id ?? "" },
      on: {
        click: () => {
          for (const other of group.children) other.setAttribute("aria-pressed", String(other === node));
          act(node, element, ctx, blockId, { value: choice.value });
        },
      },
    }, icon(glyph), h("span", {}, plain(choice.text)));
    group.append(node);
  }
  return group;
}

function iconAction(element, ctx, blockId) {
  const label = element.text?.text ?? element.accessibility_label ?? "Action";
  const node = h("button", {
    type: "button", class: "button button-quiet", title: label, data: { actionId: element.action_id ?? "" },
    on: { click: () => act(node, element, ctx, blockId, { value: element.value }) },
  }, icon("trash"), h("span", {}, label));
  return node;
}

/** An image is never fetched: the sandbox needs no outside resource. Its description is shown instead. */
export function imagePlaceholder(element, small = false) {
  const label = element.alt_text || element.title?.text || "image";
  if (small) {
    return h("span", { class: "image-small", role: "img", "aria-label": label, title: label }, icon("image"));
  }
  return h("figure", { class: "image-box", role: "img", "aria-label": label }, icon("image"),
    h("figcaption", {}, element.title?.text ? [h("strong", {}, plain(element.title)), h("br")] : [], label));
}

const BUILDERS = {
  button,
  workflow_button: button,
  overflow,
  feedback_buttons: feedback,
  icon_button: iconAction,
  image: (element) => imagePlaceholder(element, true),
};

/** The node of an element outside an input block; choosing something in it is an action at once. */
export function renderElement(element, ctx, blockId) {
  const builder = BUILDERS[element.type];
  if (builder) return builder(element, ctx, blockId);
  const input = buildInput(element);
  if (!input) return h("span", { class: "unknown-block", text: `${element.type} element` });
  ctx.form?.add(blockId, element.action_id, input.read);
  input.onChange(() => act(input.node, element, ctx, blockId, input.action()));
  const label = element.placeholder?.text ?? element.accessibility_label ?? "Choice";
  if (!input.focus.getAttribute("aria-label")) input.focus.setAttribute("aria-label", label);
  return input.node;
}
