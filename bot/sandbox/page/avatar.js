/** The picture beside a name: an emoji, or initials on the person's colour. */

import { h } from "./dom.js";
import { emojiNode } from "./emoji.js";

const FALLBACK_COLOURS = ["#3d5a80", "#5b7553", "#8a5a44", "#6d597a", "#2f6f73", "#7a4f5a"];

function colourOf(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) % 65521;
  return FALLBACK_COLOURS[sum % FALLBACK_COLOURS.length];
}

function initialsOf(name) {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? ["?"];
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => [...word][0]) : [...words[0]].slice(0, 2);
  return letters.join("").toUpperCase();
}

/** An avatar; decorative, for the name always stands beside it. `icon` is an emoji shortcode with colons. */
export function avatar({ name, initials, color, icon }) {
  const code = /^:([^:]+(?:::skin-tone-[2-6])?):$/.exec(icon ?? "");
  const emoji = code && emojiNode(code[1]);
  if (emoji && !emoji.classList.contains("emoji-code")) {
    emoji.removeAttribute("role");
    return h("span", { class: "avatar avatar-emoji", "aria-hidden": "true" }, emoji);
  }
  const hex = /^#?[0-9a-f]{6}$/i.test(color ?? "") ? `#${color.replace("#", "")}` : colourOf(name);
  return h("span", { class: "avatar", "aria-hidden": "true", vars: { "--avatar": hex } }, initials || initialsOf(name));
}
