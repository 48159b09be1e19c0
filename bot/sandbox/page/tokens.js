/** Inline tokens that Slack's two markups share: <...> references, bare URLs, :emoji:, character entities. */

import { h, link } from "./dom.js";
import { emojiNode } from "./emoji.js";
import { channelById, state, userName } from "./state.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&nbsp;": "\u00a0" };
const BROADCASTS = new Set(["here", "channel", "everyone"]);

/** `text` with &amp; &lt; &gt; as characters. */
export const unescape = (text) => text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity]);

/** `text` as Slack's clients send it: the three control characters escaped. */
export const escape = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

function mention(label, { me = false, broadcast = false } = {}) {
  const kind = me || broadcast ? "mention mention-me" : "mention";
  return h("span", { class: kind, text: label });
}

/** A person, an app or a persona by id. */
export function userMention(id, label) {
  return mention(`@${label || userName(id)}`, { me: id === state.me });
}

export function channelMention(id, label) {
  return mention(`#${label || channelById(id)?.name || id}`);
}

export const broadcastMention = (range) => mention(`@${range}`, { broadcast: true });

function dateText(format, epoch, fallback) {
  const date = new Date(Number(epoch) * 1000);
  if (Number.isNaN(date.getTime())) return fallback;
  const day = date.toLocaleDateString(undefined, { dateStyle: "medium" });
  const time = date.toLocaleTimeString(undefined, { timeStyle: "short" });
  return format
    .replace(/\{date(?:_[a-z_]+)?\}/g, day)
    .replace(/\{time(?:_secs)?\}/g, time);
}

function reference(body, labelNodes) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : body.slice(bar + 1);
  if (/^@[UWB][A-Z0-9_]*$/.test(target)) return userMention(target.slice(1), label);
  if (/^#[CGD][A-Z0-9_]*$/.test(target)) return channelMention(target.slice(1), label);
  if (target.startsWith("!")) {
    const command = target.slice(1);
    if (BROADCASTS.has(command)) return broadcastMention(command);
    if (command.startsWith("subteam^")) return mention(label || "@group");
    const [kind, epoch, format] = command.split("^");
    if (kind === "date") return document.createTextNode(dateText(format ?? "", epoch, label));
    return null;
  }
  if (/^(https?:\/\/|mailto:)\S+$/i.test(target)) {
    const shown = label || target.replace(/^mailto:/, "");
    return link(unescape(target), labelNodes ? labelNodes(shown) : unescape(shown));
  }
  return null;
}

/** The token that starts at `at`: {node, end}, or null where the text is just text. */
export function tokenAt(text, at, labelNodes) {
  const char = text[at];
  if (char === "<") {
    const end = text.indexOf(">", at + 1);
    if (end < 0 || end - at > 4000) return null;
    const body = text.slice(at + 1, end);
    const node = /[<\n]/.test(body) ? null : reference(body, labelNodes);
    return node && { node, end: end + 1 };
  }
  if (char === ":") {
    const match = /^:([a-z0-9_+-]+(?:::skin-tone-[2-6])?):/.exec(text.slice(at, at + 60));
    const node = match && emojiNode(match[1]);
    return node ? { node, end: at + match[0].length } : null;
  }
  if (char === "&") {
    const match = /^&(?:amp|lt|gt|quot|#39|nbsp);/.exec(text.slice(at, at + 6));
    return match && { node: document.createTextNode(ENTITIES[match[0]]), end: at + match[0].length };
  }
  if (char === "h") return bareUrl(text, at);
  return null;
}

function bareUrl(text, at) {
  if (at > 0 && /[\p{L}\p{N}]/u.test(text[at - 1])) return null;
  const match = /^https?:\/\/[^\s<>`]+/.exec(text.slice(at, at + 3000));
  if (!match) return null;
  let url = match[0];
  for (;;) {
    const last = url.at(-1);
    const opened = url.split("(").length;
    const closed = url.split(")").length;
    if (/[.,;:!?'"*_~\]|]/.test(last) || (last === ")" && closed > opened)) url = url.slice(0, -1);
    else break;
  }
  if (url.length <= "https://".length) return null;
  return { node: link(unescape(url), unescape(url)), end: at + url.length };
}

/**
 * The position of the delimiter that closes what was opened before `from`, or -1. A closer follows a non-space;
 * code spans and escapes are skipped.
 */
export function matchingClose(text, from, delimiter, { escapes, wordBound }) {
  const mark = delimiter[0];
  const size = delimiter.length;
  for (let i = from; i < text.length; i += 1) {
    const char = text[i];
    if (escapes && char === "\\") {
      i += 1;
    } else if (char === "`") {
      const close = text.indexOf("`", i + 1);
      if (close > 0) i = close;
    } else if (char === mark) {
      let run = 1;
      while (text[i + run] === mark) run += 1;
      // In a run of three the inner emphasis closes first, so the outer one takes what is left at the end.
      const fits = run === size || (run > size && run === 3) || (run > size && size === 2);
      const after = text[i + run] ?? " ";
      const bounded = !wordBound || !/[\p{L}\p{N}]/u.test(after);
      if (fits && i > from && !/\s/.test(text[i - 1]) && bounded) return i + run - size;
      i += run - 1;
    }
  }
  return -1;
}
