/** "@CN-01" as people type it, and the wire text it stands for. */

import { state } from "./state.js";
import { escape, unescape } from "./tokens.js";

const quote = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function byLength(key) {
  return [...state.mentions].sort((a, b) => b[key].length - a[key].length);
}

/** Typed text in wire form: control characters escaped, known "@labels" replaced, whether picked or just typed. */
export function encodeTyped(typed) {
  const labels = byLength("label");
  if (!labels.length) return escape(typed);
  const names = labels.map((m) => quote(m.label)).join("|");
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_@/.])@(${names})(?![\\p{L}\\p{N}_]|-[\\p{L}\\p{N}])`, "giu");
  let out = "";
  let last = 0;
  for (const match of typed.matchAll(pattern)) {
    const found = labels.find((m) => m.label.toLowerCase() === match[1].toLowerCase());
    out += escape(typed.slice(last, match.index)) + found.inserts;
    last = match.index + match[0].length;
  }
  return out + escape(typed.slice(last));
}

/** Wire text as it is edited: what `encodeTyped` makes the same text of again. */
export function decodeTyped(wire) {
  let text = wire;
  for (const mention of byLength("inserts")) text = text.replaceAll(mention.inserts, `@${mention.label}`);
  return unescape(text);
}
