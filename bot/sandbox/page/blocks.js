/** Block Kit blocks as DOM nodes, in messages, modals and App Home. */

import { freshId, h, icon } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { imagePlaceholder, renderElement } from "./elements.js";
import { buildInput } from "./inputs.js";
import { renderMarkdown } from "./markdown.js";
import { renderMrkdwn, renderMrkdwnInline } from "./mrkdwn.js";
import { renderRichText, renderTable } from "./richtext.js";

/** A text object: mrkdwn, or plain text with emoji. */
export function renderText(text) {
  if (!text) return [];
  if (typeof text === "string") return withEmoji(text);
  return text.type === "mrkdwn" ? renderMrkdwn(text.text) : [h("div", { class: "line" }, withEmoji(text.text))];
}

function inlineText(text) {
  if (!text) return [];
  return text.type === "mrkdwn" ? renderMrkdwnInline(text.text) : withEmoji(text.text ?? text);
}

function section(block, ctx) {
  return h("div", { class: "block-section" },
    h("div", { class: "block-section-text" }, renderText(block.text),
      block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", {}, renderText(field))))),
    block.accessory && h("div", { class: "accessory" }, renderElement(block.accessory, ctx, block.block_id)));
}

function context(block) {
  return h("div", { class: "block-context" }, (block.elements ?? []).map((element) =>
    (element.type === "image" ? imagePlaceholder(element, true) : h("span", {}, inlineText(element)))));
}

function actions(block, ctx) {
  const label = { role: "group", "aria-label": "Actions" };
  return h("div", { class: `block-actions block-${block.type}`, ...label },
    (block.elements ?? []).map((element) => renderElement(element, ctx, block.block_id)));
}

function input(block, ctx) {
  const element = block.element ?? {};
  const built = buildInput(element);
  if (!built) return unknown({ type: `${element.type} input` });
  const [labelId, hintId, errorId] = [freshId("label"), freshId("hint"), freshId("error")];
  const label = [inlineText(block.label), block.optional && h("span", { class: "optional", text: " (optional)" })];
  const native = /^(INPUT|TEXTAREA|SELECT)$/.test(built.focus.tagName);
  if (native) built.focus.id = freshId("field");
  built.focus.setAttribute("aria-labelledby", labelId);
  built.focus.setAttribute("aria-describedby", `${hintId} ${errorId}`);
  const error = h("p", { class: "field-error", id: errorId, role: "alert" });
  ctx.form?.add(block.block_id, element.action_id, built.read, {
    optional: Boolean(block.optional),
    focus: built.focus,
    showError: (text) => {
      error.textContent = text;
      built.focus.setAttribute("aria-invalid", String(Boolean(text)));
    },
  });
  if (block.dispatch_action) {
    built.onChange(() => ctx.act({ action_id: element.action_id, block_id: block.block_id, type: element.type,
      ...built.action() }));
  }
  return h("div", { class: "block-input", data: { blockId: block.block_id ?? "" } },
    native ? h("label", { id: labelId, for: built.focus.id }, label) : h("span", { class: "label", id: labelId }, label),
    built.node,
    h("p", { class: "hint", id: hintId }, block.hint ? inlineText(block.hint) : []),
    error);
}

const ALERT_LEVELS = new Set(["info", "warning", "error", "success"]);

function alertBox(block) {
  const level = ALERT_LEVELS.has(block.level) ? block.level : "default";
  return h("div", { class: `box alert alert-${level}`, role: "note" }, renderText(block.text));
}

function card(block, ctx) {
  return h("div", { class: "box card" },
    block.hero_image && imagePlaceholder(block.hero_image),
    block.title && h("div", { class: "card-title" }, inlineText(block.title)),
    block.subtitle && h("div", { class: "card-subtitle" }, inlineText(block.subtitle)),
    renderText(block.body),
    block.actions?.length && h("div", { class: "block-actions" },
      block.actions.map((element) => renderElement(element, ctx, block.block_id))));
}

function container(block, ctx) {
  const children = renderBlocks(block.child_blocks ?? [], ctx);
  const title = [h("strong", {}, block.title ? inlineText(block.title) : renderRichText(block.rich_text_title)),
    block.subtitle && h("span", { class: "card-subtitle" }, inlineText(block.subtitle))];
  if (!block.is_collapsible) return h("div", { class: "box" }, h("div", { class: "card-title" }, title), children);
  return h("details", { class: "box", open: !block.default_collapsed }, h("summary", {}, title), children);
}

function task(block) {
  const status = block.status ?? "pending";
  return h("div", { class: `box task task-${status}` },
    h("div", { class: "card-title" }, inlineText(block.title), h("span", { class: "task-status", text: status.replaceAll("_", " ") })),
    block.details && renderRichText(block.details),
    block.output && renderRichText(block.output));
}

function unknown(block) {
  return h("div", { class: "unknown-block" }, icon("eye"), h("span", { text: `${block.type ?? "unknown"} block` }));
}

const BLOCKS = {
  header: (block) => h("h3", { class: "block-header" }, inlineText(block.text)),
  section,
  divider: () => h("hr"),
  context,
  actions,
  context_actions: actions,
  image: (block) => imagePlaceholder(block),
  markdown: (block) => h("div", { class: "md" }, renderMarkdown(block.text)),
  rich_text: renderRichText,
  table: renderTable,
  data_table: renderTable,
  input,
  alert: alertBox,
  card,
  carousel: (block, ctx) => h("div", { class: "carousel" }, (block.elements ?? []).map((element) => card(element, ctx))),
  container,
  task_card: task,
  plan: (block) => h("div", { class: "box" }, h("div", { class: "card-title" }, inlineText(block.title)),
    (block.tasks ?? []).map(task)),
};

/**
 * Blocks as an array of nodes. `ctx`: `act(payload)` delivers an action and resolves to {ok, error?}; `form` (modals)
 * collects inputs with `add(blockId, actionId, read, field?)`.
 */
export function renderBlocks(blocks, ctx) {
  return (blocks ?? []).map((block) => {
    const builder = Object.hasOwn(BLOCKS, block?.type) ? BLOCKS[block.type] : unknown;
    return h("div", { class: `block block-type-${BLOCKS[block?.type] ? block.type : "unknown"}` }, builder(block ?? {}, ctx));
  });
}

/** A legacy attachment: a coloured bar beside text, fields or blocks. */
export function renderAttachment(attachment, ctx) {
  const colour = { good: "#2e7d32", warning: "#c77700", danger: "#b3261e" }[attachment.color] ?? attachment.color ?? "";
  const hex = /^#?[0-9a-f]{6}$/i.test(colour) ? `#${colour.replace("#", "")}` : null;
  const body = attachment.blocks
    ? renderBlocks(attachment.blocks, ctx)
    : [
        attachment.author_name && h("div", { class: "card-subtitle", text: attachment.author_name }),
        attachment.title && h("div", { class: "card-title" }, renderMrkdwnInline(attachment.title)),
        renderMrkdwn(attachment.text ?? attachment.fallback ?? ""),
        attachment.footer && h("div", { class: "block-context", text: attachment.footer }),
      ];
  return h("div", {}, attachment.pretext ? renderMrkdwn(attachment.pretext) : [],
    h("div", { class: "attachment", vars: hex ? { "--bar": hex } : {} }, body));
}
