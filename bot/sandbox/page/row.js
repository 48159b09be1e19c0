/** One message on screen: who, when, what, and what can be done with it. */

import { avatar } from "./avatar.js";
import { renderAttachment, renderBlocks } from "./blocks.js";
import { agoText, fullText, timeText } from "./clock.js";
import { openMenu, toast } from "./dialogs.js";
import { h, icon, iconButton } from "./dom.js";
import { emojiNode } from "./emoji.js";
import { MarkdownView } from "./markdown.js";
import { renderMrkdwn } from "./mrkdwn.js";
import { permalink } from "./permalinks.js";
import { post, state, userName } from "./state.js";

const QUICK_REACTIONS = ["+1", "eyes", "white_check_mark", "thinking_face", "tada", "heart", "-1", "x"];

/** The name a message shows: the one the app chose for it, else its author's. */
export const authorName = (message) => message.username || userName(message.user);

export class MessageRow {
  #view = null;
  #pending = "";
  #frame = 0;

  /** `hooks`: {inThread, openThread(message), edit(row), remove(row), forward(message)}. */
  constructor(message, hooks) {
    this.hooks = hooks;
    this.day = h("div", { class: "day", role: "separator", hidden: true }, h("span"));
    this.article = h("article", { class: "message", tabindex: "-1", data: { testid: "message", ts: message.ts } });
    this.element = h("div", { class: "entry" }, this.day, this.article);
    this.editor = null;
    this.update(message);
  }

  get mine() {
    return this.message.user === state.me && !this.message.bot && !this.message.deleted;
  }

  /** Shows a changed message. A Markdown body keeps its nodes where its text did not change. */
  update(message) {
    const wasStreaming = this.message?.streaming;
    this.message = message;
    this.#pending = "";
    this.article.classList.toggle("streaming", Boolean(message.streaming));
    this.article.classList.toggle("ephemeral", Boolean(message.ephemeral));
    this.article.setAttribute("aria-label", `${authorName(message)}, ${timeText(message.ts)}`);
    const body = this.#body(message);
    if (wasStreaming && !message.streaming) this.#view?.settle();
    if (this.editor) return;
    const hadFocus = this.article.contains(document.activeElement) && this.article !== document.activeElement;
    this.article.replaceChildren(
      h("div", { class: "message-side" }, this.#avatar(), h("span", { class: "side-time", "aria-hidden": "true",
        text: timeText(message.ts) })),
      h("div", { class: "message-main" }, ...[this.#ephemeralNote(), this.#header(), body, this.#streamFoot(),
        this.#reactions(), this.#threadFoot()].filter(Boolean)),
      this.#toolbar(),
    );
    if (hadFocus && !this.article.contains(document.activeElement)) this.article.focus({ preventScroll: true });
  }

  /** Adds streamed text. Deltas of one frame are drawn together. */
  append(text) {
    this.#pending += text;
    if (this.#frame) return;
    const draw = () => {
      this.#frame = 0;
      const delta = this.#pending;
      this.#pending = "";
      if (!delta) return;
      this.message = { ...this.message, markdown: (this.message.markdown ?? "") + delta };
      if (this.#view) this.#view.update(this.message.markdown);
      else this.update(this.message);
    };
    // A hidden page draws no frames, but shall have the text when it is looked at.
    if (document.hidden) draw();
    else this.#frame = requestAnimationFrame(draw);
  }

  setLayout({ grouped, day }) {
    this.article.classList.toggle("grouped", grouped);
    this.day.hidden = !day;
    this.day.firstChild.textContent = day || "";
  }

  /** Puts an editor in the place of the body until `close` is called. */
  showEditor(node) {
    this.editor = node;
    this.article.querySelector(".message-body")?.replaceChildren(node);
    this.article.querySelector(".toolbar")?.remove();
  }

  closeEditor() {
    this.editor = null;
    this.update(this.message);
  }

  openReactions(anchor = this.article) {
    const items = QUICK_REACTIONS.map((name) => ({ node: emojiNode(name), label: name, run: () => this.#react(name) }));
    openMenu(anchor, items, { className: "menu-emoji", label: "Reactions" });
  }

  /** The message's menu: the shortcuts of the apps, and what Slack itself offers. */
  openActions(anchor = this.article) {
    const shortcuts = state.shortcuts.map((shortcut) => ({
      node: [h("span", { text: shortcut.name }), h("span", { class: "menu-note", text: shortcut.app })],
      run: () => this.#shortcut(shortcut),
    }));
    const own = [
      { node: "Copy link", run: () => this.#copyLink() },
      { node: "Forward message…", run: () => this.hooks.forward(this.message) },
    ];
    openMenu(anchor, [...shortcuts, ...own], { className: "menu-shortcuts", label: "More actions" });
  }

  async #copyLink() {
    const url = permalink(this.message);
    try {
      await navigator.clipboard.writeText(url);
      toast("The link is in your clipboard.", "info");
    } catch {
      toast(url, "info"); // no clipboard without permission: it can be marked and copied here
    }
  }

  #avatar() {
    const user = state.users.get(this.message.user);
    const { username, icon: shown } = this.message;
    return avatar({
      name: authorName(this.message),
      initials: username ? null : user?.initials,
      color: username ? null : user?.color,
      icon: shown ?? (username ? null : user?.icon),
    });
  }

  #header() {
    const { message } = this;
    const isApp = message.bot || state.users.get(message.user)?.is_bot;
    return h("header", { class: "message-head" },
      h("strong", { class: "author", text: authorName(message) }),
      isApp && h("span", { class: "app-badge", title: "This is an app", text: "APP" }),
      h("time", { datetime: new Date(Number.parseFloat(message.ts) * 1000).toISOString(), title: fullText(message.ts),
        text: timeText(message.ts) }));
  }

  #ephemeralNote() {
    return this.message.ephemeral && h("p", { class: "ephemeral-note" }, icon("eye"), "Only visible to you");
  }

  #body(message) {
    const ctx = {
      act: (payload) => post("action", { channel: message.channel, ts: message.ts, ...payload }),
    };
    if (message.deleted) {
      return h("div", { class: "message-body" }, h("em", { class: "edited", text: "This message was deleted." }));
    }
    const parts = [];
    if (message.markdown !== undefined && message.markdown !== null) {
      this.#view ??= new MarkdownView();
      this.#view.update(message.markdown);
      parts.push(this.#view.element);
    } else {
      this.#view = null;
    }
    // What people type is shown from its text; an app's text is only the fall-back of its blocks.
    const blocks = message.bot || message.ephemeral ? message.blocks ?? [] : [];
    parts.push(...renderBlocks(blocks, ctx));
    if (!parts.length && message.text) parts.push(...renderMrkdwn(message.text));
    parts.push(...(message.attachments ?? []).map((attachment) => renderAttachment(attachment, ctx)));
    parts.push(...(message.files ?? []).map((file) =>
      h("a", { class: "line", href: `/files/${file.id}`, download: file.name, data: { testid: "file" },
        text: `📎 ${file.title} · ${Math.ceil(file.size / 1000)} kB` })));
    if (message.edited) {
      const mark = h("span", { class: "edited", text: " (edited)" });
      if (parts.at(-1)?.classList?.contains("line")) parts.at(-1).append(mark);
      else parts.push(mark);
    }
    return h("div", { class: "message-body" }, parts);
  }

  #streamFoot() {
    // Slack has this button only for apps that are declared as agents.
    if (!this.message.streaming || !state.users.get(this.message.user)?.is_agent) return null;
    const stop = h("button", { type: "button", class: "button button-stop", data: { testid: "stop-stream" },
      on: { click: async () => {
        stop.disabled = true;
        const answer = await post("stop", { channel: this.message.channel, ts: this.message.ts });
        if (!answer.ok) toast(`Could not stop: ${answer.error}`);
      } } }, icon("stop"), "Stop");
    return h("div", { class: "stream-foot" }, stop);
  }

  #reactions() {
    const { reactions } = this.message;
    if (!reactions?.length) return null;
    return h("div", { class: "reactions", role: "group", "aria-label": "Reactions" }, reactions.map((reaction) =>
      h("button", { type: "button", class: "reaction", "aria-label": `${reaction.name}, ${reaction.count}`,
        on: { click: () => this.#react(reaction.name) } },
      emojiNode(reaction.name) ?? `:${reaction.name}:`, h("span", { class: "count", text: reaction.count }))));
  }

  #threadFoot() {
    const { message, hooks } = this;
    if (hooks.inThread || !(message.reply_count > 0)) return null;
    const count = message.reply_count;
    return h("button", { type: "button", class: "replies", data: { testid: "replies" },
      on: { click: () => hooks.openThread(message) } },
    h("strong", { text: `${count} ${count === 1 ? "reply" : "replies"}` }),
    message.latest_reply && h("span", { class: "ago", text: `Last reply ${agoText(message.latest_reply)}` }));
  }

  #toolbar() {
    const { message, hooks } = this;
    const buttons = [];
    if (!message.ephemeral && !message.deleted) {
      const react = iconButton("smile", "React", () => this.openReactions(react), { "aria-haspopup": "menu" });
      buttons.push(react);
      if (!hooks.inThread) buttons.push(iconButton("reply", "Reply in thread", () => hooks.openThread(message)));
    }
    if (this.mine && !message.ephemeral) {
      buttons.push(iconButton("edit", "Edit", () => hooks.edit(this)));
      buttons.push(iconButton("trash", "Delete", () => hooks.remove(this)));
    }
    if (!message.ephemeral && !message.deleted) {
      const more = iconButton("more", "More actions", () => this.openActions(more), { "aria-haspopup": "menu" });
      buttons.push(more);
    }
    return h("div", { class: "toolbar", role: "toolbar", "aria-label": "Message actions" }, buttons);
  }

  async #shortcut({ app_id: appId, callback_id: callbackId }) {
    const { channel, ts } = this.message;
    const answer = await post("shortcut", { channel, ts, app_id: appId, callback_id: callbackId });
    if (!answer.ok) toast(`The app did not take this: ${answer.error}`);
  }

  async #react(name) {
    const answer = await post("react", { channel: this.message.channel, ts: this.message.ts, name });
    if (!answer.ok) toast(`Could not react: ${answer.error}`);
  }
}
