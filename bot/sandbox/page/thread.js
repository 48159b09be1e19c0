/** The thread pane on the right; on a phone it covers the channel. */

import { Composer } from "./composer.js";
import { icon } from "./dom.js";
import { MessageList } from "./messages.js";
import { channelById, channelTitle, loadReplies, state } from "./state.js";
import { StatusLine } from "./status.js";

const byId = (id) => document.getElementById(id);

export class ThreadPane {
  #returnFocus = null;

  /** `onToggle()` runs after a thread was opened or closed. */
  constructor({ onToggle }) {
    this.onToggle = onToggle;
    this.pane = byId("thread");
    this.list = new MessageList({ root: byId("thread-messages"), scroller: byId("thread-scroller"), inThread: true });
    this.status = new StatusLine(byId("status-line"));
    this.composer = new Composer({
      label: "Reply", testid: "thread-composer", sendTestid: "thread-send", commands: false,
      where: () => ({ channel: state.thread.channel, thread_ts: state.thread.ts }),
      onSent: () => this.list.toEnd(),
      editLast: () => this.list.editLast(),
    });
    this.composer.label("Reply…");
    byId("thread-foot").append(this.composer.element);
    const close = byId("thread-close");
    close.append(icon("close"));
    close.addEventListener("click", () => this.close());
  }

  isOpen(channel, ts) {
    return state.thread?.channel === channel && state.thread?.ts === ts;
  }

  /** Opens the thread of root message `ts`; `focus`: put the caret into its composer. */
  async open(channel, ts, { focus = true } = {}) {
    if (!this.isOpen(channel, ts)) {
      if (!state.thread) this.#returnFocus = document.activeElement;
      state.thread = { channel, ts };
      this.composer.value = "";
      this.list.clear();
      this.drawHead();
      this.pane.hidden = false;
      this.status.show(state.thread);
      this.onToggle();
      await this.refetch();
    }
    if (focus) this.composer.focus();
  }

  /** Names the place, and the thread where its app gave it a title. */
  drawHead() {
    if (!state.thread) return;
    const channel = channelById(state.thread.channel);
    const place = `${channel?.is_im ? "" : "#"}${channelTitle(channel)}`;
    const title = channel?.titles?.[state.thread.ts];
    byId("thread-channel").textContent = title ? `${title} · ${place}` : place;
  }

  /** Loads the thread again, for its opening and after a lost connection. */
  async refetch({ keep = false } = {}) {
    const { thread } = state;
    if (!thread) return;
    this.list.await();
    const { messages } = await loadReplies(thread.channel, thread.ts);
    if (state.thread !== thread) return;
    if (messages) this.list.load(messages, { keep });
    else this.list.resume();
  }

  close() {
    if (!state.thread) return;
    state.thread = null;
    this.pane.hidden = true;
    this.status.show(null);
    this.onToggle();
    const back = this.#returnFocus;
    this.#returnFocus = null;
    if (back?.isConnected && back !== document.body) back.focus();
    else document.querySelector('[data-testid="composer"]')?.focus();
  }
}
