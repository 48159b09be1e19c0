/** The line that says what an app is doing in a thread. */

import { emojiNode } from "./emoji.js";
import { h } from "./dom.js";

/** Slack drops a status by itself when nothing follows within two minutes. */
const FORGOTTEN_MS = 120_000;
const ROTATE_MS = 4000;

export class StatusLine {
  #statuses = new Map();
  #shown = null;
  #turn = 0;

  constructor(element) {
    this.element = element;
    setInterval(() => {
      this.#turn += 1;
      if (this.#statuses.get(this.#shown)?.loading_messages?.length > 1) this.#draw();
    }, ROTATE_MS);
  }

  /** Takes a status event; an empty status clears the line. */
  take(event) {
    const key = `${event.channel}:${event.thread_ts}`;
    clearTimeout(this.#statuses.get(key)?.timer);
    if (event.status) {
      const timer = setTimeout(() => this.take({ ...event, status: "" }), FORGOTTEN_MS);
      this.#statuses.set(key, { ...event, timer });
    } else this.#statuses.delete(key);
    if (key === this.#shown) this.#draw();
  }

  /** Shows the status of this thread from now on; null shows none. */
  show(thread) {
    this.#shown = thread && `${thread.channel}:${thread.ts}`;
    this.#draw();
  }

  #draw() {
    const status = this.#statuses.get(this.#shown);
    if (!status) {
      this.element.replaceChildren();
      return;
    }
    const code = /^:([^:]+):$/.exec(status.icon ?? "");
    const messages = status.loading_messages ?? [];
    const text = messages.length ? messages[this.#turn % messages.length] : status.status;
    const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
    this.element.replaceChildren(dots, (code && emojiNode(code[1])) || "",
      h("span", { class: "status-text" }, status.username ? h("strong", { text: `${status.username} ` }) : [], text));
  }
}
