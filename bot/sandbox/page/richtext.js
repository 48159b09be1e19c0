/** rich_text and table blocks. */

import { h, link } from "./dom.js";
import { emojiNode } from "./emoji.js";
import { broadcastMention, channelMention, userMention } from "./tokens.js";

const STYLE_TAGS = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };

function styled(node, style = {}) {
  return Object.entries(STYLE_TAGS).reduce((inner, [name, tag]) => (style[name] ? h(tag, {}, inner) : inner), node);
}

function withBreaks(text) {
  return String(text ?? "").split("\n").flatMap((line, i) => (i ? [h("br"), line] : [line]));
}

function inlineElement(element) {
  switch (element.type) {
    case "text":
      return styled(h("span", {}, withBreaks(element.text)), element.style);
    case "link":
      return styled(link(element.url, element.text || element.url), element.style);
    case "emoji":
      return emojiNode(element.name) ?? `:${element.name}:`;
    case "user":
      return userMention(element.user_id);
    case "channel":
      return channelMention(element.channel_id);
    case "usergroup":
      return h("span", { class: "mention", text: "@group" });
    case "broadcast":
      return broadcastMention(element.range);
    case "date":
      return element.fallback ?? new Date(element.timestamp * 1000).toLocaleString();
    case "color":
      return h("code", { text: element.value });
    default:
      return h("span", { class: "unknown-block", text: element.type });
  }
}

const inlineAll = (elements) => (elements ?? []).map(inlineElement);

function richPart(part) {
  switch (part.type) {
    case "rich_text_section":
      return h("div", { class: "line" }, inlineAll(part.elements));
    case "rich_text_list": {
      const tag = part.style === "ordered" ? "ol" : "ul";
      const props = { class: "rich-list", vars: { "--level": part.indent ?? 0 }, start: part.offset ? part.offset + 1 : null };
      return h(tag, props, (part.elements ?? []).map((item) => h("li", {}, inlineAll(item.elements))));
    }
    case "rich_text_quote":
      return h("blockquote", {}, inlineAll(part.elements));
    case "rich_text_preformatted":
      return h("pre", { tabindex: "0" }, h("code", {}, inlineAll(part.elements)));
    default:
      return h("div", { class: "unknown-block", text: part.type });
  }
}

export const renderRichText = (block) => h("div", { class: "rich" }, (block?.elements ?? []).map(richPart));

function cell(value) {
  if (value?.type === "rich_text") return [renderRichText(value)];
  return [String(value?.text ?? value?.value ?? "")];
}

/** A `table` or `data_table` block; the first row is the header. */
export function renderTable(block) {
  const [head = [], ...rows] = block.rows ?? [];
  const settings = block.column_settings ?? [];
  const row = (tag, values) => h("tr", {}, values.map((value, c) => h(tag, {
    class: `align-${settings[c]?.align ?? (value?.type === "raw_number" ? "right" : "left")}`,
    scope: tag === "th" ? "col" : null,
  }, cell(value))));
  const caption = block.caption?.text ?? block.caption;
  return h("div", { class: "table-scroll", role: "region", "aria-label": caption || "Table", tabindex: "0" },
    h("table", {}, caption ? h("caption", { text: caption }) : [],
      h("thead", {}, row("th", head)), h("tbody", {}, rows.map((values) => row("td", values)))));
}
