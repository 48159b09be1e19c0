/** A list of messages that follows live events, scrolls along, and can be walked with the keyboard. */

import { dayText, millis } from "./clock.js";
import { InlineEditor } from "./composer.js";
import { confirmed, toast } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { openForward } from "./forward.js";
import { authorName, MessageRow } from "./row.js";
import { post } from "./state.js";

/** Messages of one author closer than this stand under one name. */
const GROUP_MS = 5 * 60_000;
/** Within this distance of the end (px) the list follows new text. */
const NEAR_END = 60;

/**
 * Streamed text as of a fetch, with the deltas that came in live meanwhile. The fetched text may already end with the
 * first of them.
 */
export function caughtUp(text, deltas) {
  for (let included = deltas.length; included > 0; included -= 1) {
    if (text.endsWith(deltas.slice(0, included).join(""))) return text + deltas.slice(included).join("");
  }
  return text + deltas.join("");
}

export class MessageList {
  #rows = new Map();
  /** Live events since a fetch began, to be applied to its answer; null while none is under way. */
  #waiting = null;
  #following = true;
  /** Whether something else stands in the list's place. */
  #idle = false;

  /** `openThread(message)` is called for "reply in thread" and "N replies". */
  constructor({ root, scroller, inThread = false, openThread = () => {} }) {
    this.root = root;
    this.scroller = scroller;
    this.hooks = {
      inThread,
      openThread,
      edit: (row) => this.#edit(row),
      remove: (row) => this.#remove(row),
      forward: openForward,
    };
    this.jump = h("button", { type: "button", class: "jump", hidden: true, on: { click: () => this.toEnd() } },
      icon("down"), "Jump to latest");
    scroller.after(this.jump);
    scroller.addEventListener("scroll", () => this.#noticeScroll(), { passive: true });
    new ResizeObserver(() => this.#follow()).observe(root);
    new ResizeObserver(() => this.#follow()).observe(scroller);
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("focusin", (event) => this.#rove(event.target.closest(".message")));
  }

  get messages() {
    return [...this.#rows.values()].map((row) => row.message);
  }

  has(ts) {
    return this.#rows.has(ts);
  }

  get(ts) {
    return this.#rows.get(ts)?.message ?? null;
  }

  /** Shows nothing, for the next conversation. */
  clear() {
    this.#waiting = null;
    this.load([]);
  }

  /** A fetch of this conversation begins: live events wait until `load` or `resume`. */
  await() {
    this.#waiting ??= [];
  }

  /** The fetch came to nothing: go on with what is shown. */
  resume() {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    const fetched = new Map();
    for (const [deed, ts, argument] of waiting) {
      if (deed === "append") {
        // Text that came before any newer state of the message belongs to what was fetched.
        if (fetched.get(ts) === null) this.append(ts, argument);
        else fetched.set(ts, [...(fetched.get(ts) ?? []), argument]);
        continue;
      }
      fetched.set(ts, null);
      if (deed === "remove") this.remove(ts);
      else this[deed](argument);
    }
    for (const [ts, deltas] of fetched) {
      const message = this.get(ts);
      if (deltas && message) this.upsert({ ...message, markdown: caughtUp(message.markdown ?? "", deltas) });
    }
  }

  /** Replaces what is shown and goes to the end. `keep`: same conversation again, so stay where the reader is. */
  load(messages, { keep = false } = {}) {
    this.#idle = false;
    const wasFollowing = this.#following;
    if (keep) {
      const present = new Set(messages.map((m) => m.ts));
      for (const ts of [...this.#rows.keys()]) if (!present.has(ts)) this.#drop(ts);
      for (const message of messages) this.#show(message);
      this.#layout();
    } else {
      this.#rows.clear();
      this.root.replaceChildren();
      for (const message of messages) this.#rows.set(message.ts, new MessageRow(message, this.hooks));
      this.root.append(...[...this.#rows.values()].map((row) => row.element));
      this.#layout();
    }
    this.resume();
    if (!keep || wasFollowing) this.toEnd();
  }

  /** Adds a message at its time, or shows its new state. */
  upsert(message) {
    if (this.#waiting) {
      this.#waiting.push(["upsert", message.ts, message]);
      return;
    }
    this.#show(message);
    this.#layout();
  }

  /** Shows the new state of a message, if it belongs here. */
  change(message) {
    if (this.#waiting) this.#waiting.push(["change", message.ts, message]);
    else if (this.has(message.ts)) this.upsert(message);
  }

  #show(message) {
    const known = this.#rows.get(message.ts);
    if (known) {
      known.update(message);
      return;
    }
    const row = new MessageRow(message, this.hooks);
    const later = [...this.#rows.keys()].find((ts) => millis(ts) > millis(message.ts));
    this.root.insertBefore(row.element, later ? this.#rows.get(later).element : null);
    this.#rows.set(message.ts, row);
    if (later) this.#rows = new Map([...this.#rows].sort(([a], [b]) => millis(a) - millis(b)));
  }

  append(ts, text) {
    if (this.#waiting) this.#waiting.push(["append", ts, text]);
    else this.#rows.get(ts)?.append(text);
  }

  remove(ts) {
    if (this.#waiting) {
      this.#waiting.push(["remove", ts]);
      return;
    }
    this.#drop(ts);
    this.#layout();
  }

  /** Leaves the place to something that is no list of messages and is read from its beginning. */
  giveWay() {
    this.clear();
    this.#idle = true;
    this.scroller.scrollTop = 0;
    this.jump.hidden = true;
  }

  toEnd() {
    this.#following = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.jump.hidden = true;
  }

  /** Brings a message before the reader's eyes, and the focus to it. */
  reveal(ts) {
    const row = this.#rows.get(ts);
    if (!row) return;
    this.#following = false;
    row.article.scrollIntoView({ block: "center" });
    row.article.focus({ preventScroll: true });
  }

  /** Opens the editor on this person's last message; false where there is none. */
  editLast() {
    const row = [...this.#rows.values()].reverse().find((r) => r.mine && !r.message.ephemeral);
    if (row) this.#edit(row);
    return Boolean(row);
  }

  #drop(ts) {
    this.#rows.get(ts)?.element.remove();
    this.#rows.delete(ts);
  }

  #layout() {
    let before = null;
    let tabbable = null;
    let at = 0;
    const { inThread } = this.hooks;
    const count = this.#rows.size - 1;
    const replies = (position) => position === 1 && `${count} ${count === 1 ? "reply" : "replies"}`;
    for (const row of this.#rows.values()) {
      const { message } = row;
      const newDay = !before || dayText(before.ts) !== dayText(message.ts);
      const grouped = !newDay && before.user === message.user && authorName(before) === authorName(message) &&
        before.icon === message.icon && !message.ephemeral && !before.ephemeral &&
        millis(message.ts) - millis(before.ts) < GROUP_MS;
      row.setLayout({ grouped: grouped && !(inThread && at === 1), day: inThread ? replies(at) : newDay && dayText(message.ts) });
      at += 1;
      if (row.article.tabIndex === 0) tabbable = row;
      before = message;
    }
    const last = [...this.#rows.values()].at(-1);
    if (!tabbable && last) last.article.tabIndex = 0;
  }

  #noticeScroll() {
    if (this.#idle) return;
    const left = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
    this.#following = left < NEAR_END;
    this.jump.hidden = this.#following;
  }

  #follow() {
    if (this.#following && !this.#idle) this.scroller.scrollTop = this.scroller.scrollHeight;
    else this.#noticeScroll();
  }

  #rove(article) {
    if (!article) return;
    for (const row of this.#rows.values()) row.article.tabIndex = row.article === article ? 0 : -1;
  }

  #key(event) {
    const article = event.target;
    if (!article.classList?.contains("message") || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.#rows.get(article.dataset.ts);
    const rows = [...this.#rows.values()];
    const at = rows.indexOf(row);
    const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (go !== undefined) rows[Math.max(0, Math.min(rows.length - 1, go))].article.focus();
    else if ((event.key === "Enter" || event.key === "t") && !this.hooks.inThread && !row.message.ephemeral) {
      this.hooks.openThread(row.message);
    } else if (event.key === "r" && !row.message.ephemeral) row.openReactions();
    else if (event.key === "m" && !row.message.ephemeral) row.openActions();
    else if (event.key === "e" && row.mine) this.#edit(row);
    else if (event.key === "Delete" && row.mine) this.#remove(row);
    else return;
    event.preventDefault();
  }

  #edit(row) {
    const done = () => {
      row.closeEditor();
      row.article.focus();
    };
    const editor = new InlineEditor(row.message.text, {
      cancel: done,
      save: async (text) => {
        const { channel, ts } = row.message;
        const answer = await post("edit", { channel, ts, text });
        if (answer.ok) done();
        else toast(`Could not edit: ${answer.error}`);
      },
    });
    row.showEditor(editor.element);
    editor.focus();
  }

  async #remove(row) {
    const { channel, ts } = row.message;
    const sure = await confirmed({
      title: "Delete message", text: "Delete this message for everybody?", confirm: { text: "Delete" }, style: "danger",
    });
    if (!sure) return;
    const answer = await post("delete", { channel, ts });
    if (!answer.ok) toast(`Could not delete: ${answer.error}`);
  }
}
