/** Inline Markdown: emphasis, code, links, and the tokens Slack understands inside Markdown. */

import { h, link, safeUrl } from "./dom.js";
import { matchingClose, tokenAt } from "./tokens.js";

const DEEPEST = 8;
const SPECIAL = /[\\`*_~[!<:&\n]|https?:\/\//g;
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const WORD = /[\p{L}\p{N}]/u;
/** Longest label and target of a link that is looked for, so that a text full of "[" stays cheap. */
const LONGEST_LABEL = 1000;
const LINK_TARGET = /^\(\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/;

function closingBracket(text, at) {
  let depth = 0;
  for (let i = at; i < text.length && i - at < LONGEST_LABEL; i += 1) {
    if (text[i] === "\\") i += 1;
    else if (text[i] === "[") depth += 1;
    else if (text[i] === "]") {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
  return -1;
}

function linkAt(text, at, depth) {
  const close = closingBracket(text, at);
  if (close < 0 || text[close + 1] !== "(") return null;
  const target = LINK_TARGET.exec(text.slice(close + 1, close + 3000));
  if (!target) return null;
  const url = (target[1] ?? target[2]).replace(/\\([!-/:-@[-`{-~])/g, "$1");
  // A link that leads nowhere allowed stays visible as what it is.
  if (safeUrl(url) === null) return null;
  return { node: link(url, inline(text.slice(at + 1, close), depth + 1)), end: close + 1 + target[0].length };
}

function codeAt(text, at) {
  const ticks = /^`+/.exec(text.slice(at, at + 100))[0];
  let end = text.indexOf(ticks, at + ticks.length);
  while (end >= 0 && text[end + ticks.length] === "`") {
    while (text[end] === "`") end += 1;
    end = text.indexOf(ticks, end);
  }
  if (end < 0) return null;
  const code = text.slice(at + ticks.length, end).replaceAll("\n", " ");
  const padded = /^ .* $/.test(code) && code.trim();
  return { node: h("code", { text: padded ? code.slice(1, -1) : code }), end: end + ticks.length };
}

function emphasisAt(text, at, depth, hopeless) {
  const mark = text[at];
  let run = 1;
  while (text[at + run] === mark) run += 1;
  const literal = { literal: true, end: at + run };
  if (run > 3 || (mark === "~" && run !== 2) || depth >= DEEPEST) return literal;
  const after = text[at + run] ?? " ";
  const wordBound = mark === "_";
  if (/\s/.test(after) || (wordBound && WORD.test(text[at - 1] ?? " "))) return literal;
  const delimiter = mark.repeat(run);
  if (hopeless.has(delimiter)) return literal;
  const close = matchingClose(text, at + run, delimiter, { escapes: true, wordBound });
  if (close < 0) {
    hopeless.add(delimiter);
    return literal;
  }
  const inner = inline(text.slice(at + run, close), depth + 1);
  const tag = mark === "~" ? "s" : run === 1 ? "em" : "strong";
  const node = run === 3 ? h("strong", {}, h("em", {}, inner)) : h(tag, {}, inner);
  return { node, end: close + run };
}

function escapeAt(text, at) {
  const next = text[at + 1] ?? "";
  if (next === "\n") return { node: h("br"), end: at + 2 };
  return PUNCTUATION.test(next) ? { node: document.createTextNode(next), end: at + 2 } : null;
}

function inline(text, depth) {
  const nodes = [];
  const hopeless = new Set();
  const special = new RegExp(SPECIAL);
  let plain = 0;
  for (let match = special.exec(text); match; match = special.exec(text)) {
    const at = match.index;
    const char = text[at];
    let found;
    if (char === "\\") found = escapeAt(text, at);
    else if (char === "`") found = codeAt(text, at);
    else if (char === "*" || char === "_" || char === "~") found = emphasisAt(text, at, depth, hopeless);
    else if (char === "[") found = depth < DEEPEST ? linkAt(text, at, depth) : null;
    else if (char === "!") found = text[at + 1] === "[" ? linkAt(text, at + 1, depth) : null;
    else if (char === "\n") found = { node: h("br"), end: at + 1 };
    else found = tokenAt(text, at);
    if (!found) continue;
    special.lastIndex = found.end;
    if (found.literal) continue;
    if (at > plain) nodes.push(document.createTextNode(text.slice(plain, at)));
    nodes.push(found.node);
    plain = found.end;
  }
  if (plain < text.length) nodes.push(document.createTextNode(text.slice(plain)));
  return nodes;
}

/** Inline Markdown as an array of nodes. A single newline is a line break, as in Slack. */
export const renderInline = (text) => inline(text, 0);
