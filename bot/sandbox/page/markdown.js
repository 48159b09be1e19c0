/** Standard Markdown as DOM nodes, incrementally: text that grows re-renders only its last blocks. */

import { h } from "./dom.js";
import { renderInline } from "./markdown-inline.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`\s]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:[ \t]+(.*))?$/;
const DELIMITER_ROW = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const DEEPEST = 8;

const blank = (line) => /^\s*$/.test(line);
const indentOf = (line) => line.length - line.trimStart().length;

function startsTable(lines, i) {
  return lines[i].includes("|") && i + 1 < lines.length && lines[i + 1].includes("-") &&
    lines[i + 1].includes("|") && DELIMITER_ROW.test(lines[i + 1]);
}

function interruptsParagraph(line) {
  if (FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line)) return true;
  const item = ITEM.exec(line);
  return Boolean(item && item[3] !== undefined && (!/\d/.test(item[2]) || /^1[.)]$/.test(item[2])));
}

/** Blocks of `lines`: [{type, from, to, ...}], `from`/`to` are line numbers. */
function parseLines(lines) {
  const blocks = [];
  let i = 0;
  while (i < lines.length) {
    if (blank(lines[i])) {
      i += 1;
      continue;
    }
    const block = parseFence(lines, i) ?? parseHeading(lines, i) ?? parseRule(lines, i) ?? parseQuote(lines, i) ??
      parseList(lines, i) ?? parseTable(lines, i) ?? parseParagraph(lines, i);
    blocks.push({ from: i, ...block });
    i = block.to;
  }
  return blocks;
}

function parseFence(lines, i) {
  const open = FENCE.exec(lines[i]);
  if (!open) return null;
  const close = new RegExp(`^ {0,3}${open[1][0]}{${open[1].length},}\\s*$`);
  let to = i + 1;
  while (to < lines.length && !close.test(lines[to])) to += 1;
  return { type: "fence", code: lines.slice(i + 1, to).join("\n"), to: Math.min(to + 1, lines.length) };
}

function parseHeading(lines, i) {
  const match = HEADING.exec(lines[i]);
  return match && { type: "heading", level: match[1].length, text: match[2] ?? "", to: i + 1 };
}

const parseRule = (lines, i) => (RULE.test(lines[i]) ? { type: "rule", to: i + 1 } : null);

function parseQuote(lines, i) {
  let to = i;
  while (to < lines.length && QUOTE.test(lines[to])) to += 1;
  if (to === i) return null;
  return { type: "quote", lines: lines.slice(i, to).map((line) => line.replace(QUOTE, "")), to };
}

function parseList(lines, start) {
  const first = ITEM.exec(lines[start]);
  if (!first) return null;
  const ordered = /\d/.test(first[2]);
  const base = first[1].length;
  const items = [];
  let i = start;
  let lastFilled = start;
  while (i < lines.length) {
    const line = lines[i];
    const item = RULE.test(line) ? null : ITEM.exec(line);
    const previousBlank = i > start && blank(lines[i - 1]);
    if (blank(line)) {
      items.at(-1).lines.push("");
      i += 1;
      continue;
    }
    if (item && item[1].length < base + 2) {
      if (/\d/.test(item[2]) !== ordered || item[1].length < base - 1) break;
      items.push({ lines: [item[3] ?? ""], width: item[1].length + item[2].length + 1 });
    } else if (items.length && indentOf(line) >= base + 2) {
      items.at(-1).lines.push(line.slice(Math.min(indentOf(line), items.at(-1).width)));
    } else if (previousBlank || interruptsParagraph(line)) break;
    else items.at(-1).lines.push(line);
    i += 1;
    lastFilled = i;
  }
  const number = ordered ? Number.parseInt(first[2], 10) : null;
  return { type: "list", ordered, number, items: items.map((item) => item.lines), to: lastFilled };
}

function cells(row) {
  const inner = row.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function parseTable(lines, i) {
  if (!startsTable(lines, i)) return null;
  const align = cells(lines[i + 1]).map((cell) => {
    if (/^:-+:$/.test(cell)) return "center";
    return /-:$/.test(cell) ? "right" : "left";
  });
  let to = i + 2;
  while (to < lines.length && !blank(lines[to]) && lines[to].includes("|")) to += 1;
  return { type: "table", align, head: cells(lines[i]), rows: lines.slice(i + 2, to).map(cells), to };
}

function parseParagraph(lines, i) {
  let to = i + 1;
  while (to < lines.length && !blank(lines[to]) && !interruptsParagraph(lines[to]) && !startsTable(lines, to)) to += 1;
  return { type: "paragraph", text: lines.slice(i, to).map((line) => line.trimStart()).join("\n"), to };
}

function renderLines(lines, depth) {
  if (depth > DEEPEST) return [h("p", {}, lines.join("\n"))];
  return parseLines(lines).map((block) => renderBlock(block, depth));
}

function renderItem(lines, depth) {
  const [first, ...rest] = depth > DEEPEST ? [] : parseLines(lines);
  if (!first) return h("li", {}, lines.join("\n").trim());
  // A tight item: its first paragraph needs no paragraph of its own.
  const lead = first.type === "paragraph" ? renderInline(first.text.trimEnd()) : [renderBlock(first, depth + 1)];
  return h("li", {}, lead, rest.map((block) => renderBlock(block, depth + 1)));
}

function renderTable({ head, rows, align }) {
  const row = (tag, values) => h("tr", {}, head.map((_, c) =>
    h(tag, { class: `align-${align[c] ?? "left"}`, scope: tag === "th" ? "col" : null },
      renderInline(values[c] ?? ""))));
  return h("div", { class: "table-scroll", role: "region", "aria-label": "Table", tabindex: "0" },
    h("table", {}, h("thead", {}, row("th", head)), h("tbody", {}, rows.map((values) => row("td", values)))));
}

function renderBlock(block, depth) {
  switch (block.type) {
    case "fence":
      return h("pre", { tabindex: "0" }, h("code", { text: block.code }));
    case "heading":
      // The page's own headings are 1 and 2, so a message's headings start at 3.
      return h(`h${Math.min(6, block.level + 2)}`, { class: `md-h${block.level}` }, renderInline(block.text));
    case "rule":
      return h("hr");
    case "quote":
      return h("blockquote", {}, renderLines(block.lines, depth + 1));
    case "list":
      return h(block.ordered ? "ol" : "ul", { start: block.number > 1 ? block.number : null },
        block.items.map((lines) => renderItem(lines, depth)));
    case "table":
      return renderTable(block);
    default:
      return h("p", {}, renderInline(block.text.trimEnd()));
  }
}

/** Top-level blocks of `text` with their character offset and source: [{start, raw, block}]. */
function parseText(text) {
  const lines = text.replaceAll("\r", "").split("\n");
  const offsets = [0];
  for (const line of lines) offsets.push(offsets.at(-1) + line.length + 1);
  return parseLines(lines).map((block) => ({
    start: offsets[block.from],
    raw: lines.slice(block.from, block.to).join("\n"),
    block,
  }));
}

/** `text` as an array of nodes. */
export const renderMarkdown = (text) => parseText(String(text ?? "")).map(({ block }) => renderBlock(block, 0));

/**
 * Markdown that changes over time, in one element. Blocks whose source did not change keep their nodes, so a reader's
 * selection survives and a long stream stays cheap.
 */
export class MarkdownView {
  /** How many blocks at the end a later line can still change (a table's header looks like a paragraph at first). */
  static #UNSETTLED = 2;

  constructor(text = "") {
    this.element = h("div", { class: "md" });
    this.text = "";
    /** Blocks rendered in the last update; a measure for tests. */
    this.rendered = 0;
    this.#parts = [];
    this.update(text);
  }

  #parts;

  /** Shows `text`, touching only the blocks that differ. */
  update(text) {
    const next = String(text ?? "").replaceAll("\r", "");
    if (next === this.text) return;
    if (next.startsWith(this.text)) this.#replaceFrom(Math.max(0, this.#parts.length - MarkdownView.#UNSETTLED), next);
    else this.#replaceFrom(0, next);
    this.text = next;
  }

  append(delta) {
    this.update(this.text + delta);
  }

  /** Parses the whole text once more, for the end of a stream. */
  settle() {
    this.#replaceFrom(0, this.text);
  }

  #replaceFrom(first, text) {
    const offset = first < this.#parts.length ? this.#parts[first].start : 0;
    const base = first === 0 ? 0 : offset;
    const fresh = parseText(text.slice(base)).map((part) => ({ ...part, start: part.start + base }));
    let same = 0;
    while (same < fresh.length && fresh[same].raw === this.#parts[first + same]?.raw &&
      fresh[same].block.type === this.#parts[first + same].block.type) {
      fresh[same].node = this.#parts[first + same].node;
      same += 1;
    }
    for (const part of this.#parts.slice(first + same)) part.node.remove();
    const added = fresh.slice(same);
    for (const part of added) part.node = renderBlock(part.block, 0);
    this.element.append(...added.map((part) => part.node));
    this.rendered = added.length;
    this.#parts = [...this.#parts.slice(0, first), ...fresh];
  }
}
