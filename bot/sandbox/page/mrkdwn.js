/** Slack's mrkdwn (the `text` of messages and mrkdwn objects) as DOM nodes. */

import { h } from "./dom.js";
import { matchingClose, tokenAt, unescape } from "./tokens.js";

const DEEPEST = 8;
const TAGS = { "*": "strong", _: "em", "~": "s" };
const SPECIAL = /[`*_~<:&]|https?:\/\//g;

function inline(text, depth = 0) {
  const nodes = [];
  const special = new RegExp(SPECIAL); // a position of its own, for inline() calls itself
  let plain = 0;
  const flush = (end) => {
    if (end > plain) nodes.push(document.createTextNode(text.slice(plain, end)));
  };
  const take = (start, node, end) => {
    flush(start);
    nodes.push(node);
    plain = end;
    special.lastIndex = end;
  };
  const hopeless = new Set();
  for (let match = special.exec(text); match; match = special.exec(text)) {
    const at = match.index;
    const char = text[at];
    if (char === "`") {
      const end = text.indexOf("`", at + 1);
      if (end > at + 1) take(at, h("code", { text: unescape(text.slice(at + 1, end)) }), end + 1);
    } else if (TAGS[char]) {
      const before = text[at - 1] ?? " ";
      const opens = !/[\p{L}\p{N}]/u.test(before) && !/[\s*_~]/.test(text[at + 1] ?? " ");
      if (!opens || depth >= DEEPEST || hopeless.has(char)) continue;
      const close = matchingClose(text, at + 1, char, { escapes: false, wordBound: true });
      if (close < 0) {
        hopeless.add(char);
        continue;
      }
      const inner = inline(text.slice(at + 1, close), depth + 1);
      take(at, h(TAGS[char], {}, inner), close + 1);
    } else {
      const token = tokenAt(text, at);
      if (token) take(at, token.node, token.end);
    }
  }
  flush(text.length);
  return nodes;
}

const QUOTE = /^(?:>|&gt;) ?/;
const BULLET = /^(\s*)(?:[•◦▪‣-]|(\d{1,3})[.)])\s+(.*)$/;

function paragraph(lines) {
  const nodes = lines.flatMap((line, i) => (i ? [h("br"), ...inline(line)] : inline(line)));
  return h("div", { class: "line" }, nodes);
}

function listLine([, indent, number, rest]) {
  const level = Math.min(4, Math.floor(indent.length / 2));
  const mark = number ? `${number}.` : level % 2 ? "◦" : "•";
  return h("div", { class: "bullet", vars: { "--level": level } },
    h("span", { class: "bullet-mark", text: mark }), h("span", {}, inline(rest)));
}

function lines(text) {
  const out = [];
  let open = [];
  const flush = () => {
    if (open.length) out.push(paragraph(open));
    open = [];
  };
  const rows = text.split("\n");
  for (let i = 0; i < rows.length; i += 1) {
    const bullet = BULLET.exec(rows[i]);
    if (QUOTE.test(rows[i])) {
      flush();
      const quoted = [];
      for (; i < rows.length && QUOTE.test(rows[i]); i += 1) quoted.push(rows[i].replace(QUOTE, ""));
      i -= 1;
      out.push(h("blockquote", {}, lines(quoted.join("\n"))));
    } else if (bullet) {
      flush();
      out.push(listLine(bullet));
    } else open.push(rows[i]);
  }
  flush();
  return out;
}

/** mrkdwn as an array of nodes; nothing in `text` can become markup of the page. */
export function renderMrkdwn(text) {
  return String(text ?? "").split(/```\n?([\s\S]*?)\n?```\n?/).flatMap((part, i) => {
    if (i % 2) return [h("pre", {}, h("code", { text: unescape(part) }))];
    return part ? lines(part) : [];
  });
}

/** mrkdwn on one line, for context elements and table cells. */
export const renderMrkdwnInline = (text) => inline(String(text ?? ""));
