/** Puts the page together and passes live events to what is on screen. */

import { Composer } from "./composer.js";
import { AppTabs } from "./apptabs.js";
import { announce, openHelp, toast } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { connect } from "./live.js";
import { MessageList } from "./messages.js";
import { renderHome, showModal } from "./modal.js";
import { messageAt } from "./permalinks.js";
import { authorName } from "./row.js";
import { Prompts } from "./prompts.js";
import { Sidebar } from "./sidebar.js";
import { appsIn, channelById, channelTitle, loadHistory, loadState, post, state } from "./state.js";
import { startTheme } from "./theme.js";
import { ThreadPane } from "./thread.js";

const byId = (id) => document.getElementById(id);
/** After a slash command the thread of the app's answer opens by itself when it starts within this time. */
const ANSWER_WAIT_MS = 20_000;

const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

let openByItselfUntil = 0;
/** Whose home is on screen while `state.channel` is null. */
let homeApp = null;
const thread = new ThreadPane({ onToggle: () => {
  document.body.classList.toggle("thread-open", state.thread !== null);
  remember();
} });
const list = new MessageList({
  root: byId("channel-messages"),
  scroller: byId("channel-scroller"),
  openThread: (message) => thread.open(message.channel, message.thread_ts ?? message.ts),
});
const composer = new Composer({
  label: "Message", testid: "composer", sendTestid: "send",
  where: () => ({ channel: state.channel }),
  onSent: (answer, text) => {
    list.toEnd();
    const channel = channelById(state.channel);
    const apps = appsIn(text);
    const absent = apps.find((app) => !channel?.members.includes(app.id));
    if (absent) {
      composer.tell(`@${absent.name} is not in this channel and does not see that. To let it in: /invite @${absent.name}`);
    } else if (apps.length) thread.open(channel.id, answer.ts);
    else if (channel?.is_im && list.get(answer.ts)?.reply_count) thread.open(channel.id, answer.ts); // a fast app
    else if (channel?.is_im) openByItselfUntil = Date.now() + ANSWER_WAIT_MS;
  },
  onCommand: () => { openByItselfUntil = Date.now() + ANSWER_WAIT_MS; },
  editLast: () => list.editLast(),
});
const prompts = new Prompts((message) => {
  composer.value = message;
  composer.send();
});
const sidebar = new Sidebar({ openChannel, openHome });
const tabs = new AppTabs(byId("app-tabs"), {
  openHome,
  openMessages: (user) => openChannel(state.channels.find((channel) => appOf(channel)?.id === user.id)?.id),
});

/** The app's bot user whose direct message this is; null for other conversations. */
const appOf = (channel) =>
  (channel.is_im && channel.members.map((id) => state.users.get(id)).find((user) => user?.is_bot)) || null;

/** Keeps channel and thread in the address, so that a reload comes back to them. */
function remember() {
  if (!state.channel) return;
  const here = state.thread ? `#${state.channel}/${state.thread.ts}` : `#${state.channel}`;
  history.replaceState(null, "", `${location.pathname}${location.search}${here}`);
}

function drawHead() {
  const channel = channelById(state.channel);
  byId("channel-title").replaceChildren(
    ...(channel.is_im ? [] : [icon(channel.is_private ? "lock" : "hash")]), channelTitle(channel));
  byId("channel-topic").textContent = channel.topic ?? "";
  const count = channel.members?.length ?? 0;
  byId("channel-members").textContent = count && !channel.is_im ? `${count} members` : "";
  document.title = `${channelTitle(channel)} – ${state.team.name} (sandbox)`;
  composer.label(`Message ${channel.is_im ? "" : "#"}${channelTitle(channel)}`);
}

async function openChannel(id, { focus = true } = {}) {
  if (state.thread && state.thread.channel !== id) thread.close();
  state.channel = id;
  byId("channel-foot").hidden = false;
  byId("channel-messages").classList.remove("home");
  list.clear();
  sidebar.draw({ home: null });
  drawHead();
  remember();
  prompts.draw(channelById(id));
  noticeDirectMessage(channelById(id));
  await fetchChannel();
  if (focus) composer.focus();
}

/** Slack tells an app when somebody opens the direct message with it. */
function noticeDirectMessage(channel) {
  const app = appOf(channel);
  tabs.draw(app, "messages");
  if (app) post("home", { app_id: app.app_id ?? app.id, tab: "messages" });
}

async function fetchChannel({ keep = false } = {}) {
  const channel = state.channel;
  if (!channel) return;
  list.await();
  const { messages } = await loadHistory(channel);
  if (state.channel !== channel) return;
  if (!messages) {
    list.clear();
    byId("channel-messages").replaceChildren(h("p", { class: "empty", text: "This channel could not be loaded." }));
    return;
  }
  byId("channel-messages").querySelector(".empty")?.remove();
  list.load(messages, { keep });
  if (!messages.length) {
    const how = channelById(channel)?.is_im
      ? ["Nothing here yet. Ask something; no mention is needed."]
      : ["Nothing here yet. Mention a country agent: type ", h("kbd", { text: "@" }), " and choose one."];
    byId("channel-messages").append(h("p", { class: "empty" }, how));
  }
}

async function openHome(user) {
  thread.close();
  state.channel = null;
  homeApp = user.app_id ?? null;
  sidebar.draw({ home: user.id });
  tabs.draw(user, "home");
  list.giveWay();
  byId("channel-foot").hidden = true;
  byId("channel-title").replaceChildren(user.real_name || user.name);
  byId("channel-topic").textContent = "App Home";
  byId("channel-members").textContent = "";
  byId("channel-messages").replaceChildren(h("p", { class: "empty", text: "This app has not published a home yet." }));
  const answer = await post("home", { app_id: user.app_id ?? user.id });
  if (!answer.ok) toast(`The app home did not open: ${answer.error}`);
  else if (answer.view) drawHome(answer.view);
}

/** Goes where a message's link leads. */
async function openMessage({ channel, ts, thread: root }) {
  if (!channelById(channel)) {
    toast("That message is in a conversation you are not in.");
    return;
  }
  if (channel !== state.channel) await openChannel(channel, { focus: false });
  if (root) {
    await thread.open(channel, root, { focus: false });
    thread.list.reveal(ts);
  } else list.reveal(ts);
}

function drawHome(view) {
  if (state.channel !== null || (homeApp && view.app_id && view.app_id !== homeApp)) return;
  byId("channel-messages").classList.add("home");
  byId("channel-messages").replaceChildren(renderHome(view));
}

function takeMessage(message) {
  const root = isReply(message) ? message.thread_ts : message.ts;
  const here = message.channel === state.channel;
  if (here && (!isReply(message) || (message.ephemeral && !message.thread_ts))) {
    byId("channel-messages").querySelector(".empty")?.remove();
    list.upsert(message);
  }
  if (isReply(message)) countReply(message);
  if (thread.isOpen(message.channel, root)) thread.list.upsert(message);
  if (!here) sidebar.markUnread(message.channel);
  if (message.user === state.me && !message.bot) return;
  announce(`${authorName(message)} ${message.streaming ? "is answering" : "wrote a message"}`);
  if (here && isReply(message) && !state.thread && Date.now() < openByItselfUntil) {
    openByItselfUntil = 0;
    thread.open(message.channel, root, { focus: false });
  }
}

/** The server's count wins; this bridges the time until its "changed" event. */
function countReply(message) {
  const root = list.get(message.thread_ts);
  if (!root || message.ephemeral || Number(root.latest_reply ?? 0) >= Number(message.ts)) return;
  list.upsert({ ...root, reply_count: (root.reply_count ?? 0) + 1, latest_reply: message.ts });
}

function takeChanged(message) {
  const shown = thread.list.get(message.ts) ?? list.get(message.ts);
  if (shown?.streaming && !message.streaming) announce(`${authorName(message)} has finished`);
  if (message.channel === state.channel) list.change(message);
  if (state.thread?.channel === message.channel) thread.list.change(message);
}

function takeChannel(channel) {
  const at = state.channels.findIndex((known) => known.id === channel.id);
  if (at < 0) state.channels.push(channel);
  else state.channels[at] = channel;
  sidebar.draw();
  thread.drawHead();
  if (channel.id !== state.channel) return;
  drawHead();
  prompts.draw(channel);
}

function takeEvent(event) {
  switch (event.type) {
    case "message": return takeMessage(event.message);
    case "changed": return takeChanged(event.message);
    case "deleted":
      if (event.channel === state.channel) list.remove(event.ts);
      if (state.thread?.channel === event.channel) thread.list.remove(event.ts);
      return thread.isOpen(event.channel, event.ts) ? thread.close() : undefined;
    case "appended":
      if (event.channel === state.channel) list.append(event.ts, event.text);
      if (event.channel === state.thread?.channel) thread.list.append(event.ts, event.text);
      return undefined;
    case "status": return thread.status.take(event);
    case "channel": return takeChannel(event.channel);
    case "view": return showModal(event.view);
    case "home": return drawHome(event.view);
    default: return undefined; // a newer server may say more than this page knows
  }
}

function moveChannel(step) {
  const ids = state.channels.map((channel) => channel.id);
  const next = (ids.indexOf(state.channel) + step + ids.length) % ids.length;
  openChannel(ids[next]);
}

function moveRegion(step) {
  const regions = [byId("sidebar"), byId("channel-pane"), byId("thread")].filter((r) => r.checkVisibility());
  const at = regions.findIndex((region) => region.contains(document.activeElement));
  const region = regions[(at + step + regions.length) % regions.length];
  (region.querySelector(".composer-field, [aria-current]") ?? region).focus();
}

function startKeys() {
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (document.querySelector("dialog[open]") || event.defaultPrevented) return;
    if (event.key === "?" && !typing) openHelp();
    else if (event.key === "F6") moveRegion(event.shiftKey ? -1 : 1);
    else if (event.altKey && event.key === "ArrowDown") moveChannel(1);
    else if (event.altKey && event.key === "ArrowUp") moveChannel(-1);
    else if (event.key === "Escape" && state.thread) thread.close();
    else return;
    event.preventDefault();
  });
}

function drawBanner(online) {
  const parts = Object.entries(state.info).map(([name, value]) => `${name}: ${value}`);
  byId("banner-info").textContent = parts.join(" · ");
  byId("banner").classList.toggle("offline", !online);
  if (!online) byId("banner-info").textContent = "Connection lost, trying again …";
}

async function start() {
  startTheme(byId("theme-button"));
  byId("help-button").append(icon("help"));
  byId("help-button").addEventListener("click", openHelp);
  byId("channel-foot").append(prompts.element, composer.element);
  await loadState(new URLSearchParams(location.search).get("user"));
  drawBanner(true);
  startKeys();
  document.addEventListener("openmessage", (event) => openMessage(event.detail));
  document.addEventListener("click", (event) => {
    const place = messageAt(event.target.closest?.("a.link")?.href ?? "");
    if (!place) return;
    event.preventDefault();
    openMessage(place);
  });
  const [wanted, wantedThread] = location.hash.slice(1).split("/");
  const first = channelById(wanted) ?? state.channels[0];
  connect(state.me, {
    onEvent: takeEvent,
    onUp: (again) => {
      document.body.dataset.live = "up";
      drawBanner(true);
      if (!again) return;
      fetchChannel({ keep: true });
      thread.refetch({ keep: true });
    },
    onDown: () => {
      document.body.dataset.live = "down";
      drawBanner(false);
    },
  });
  if (!first) return;
  await openChannel(first.id, { focus: !wantedThread });
  if (channelById(wanted) && wantedThread) await thread.open(wanted, wantedThread);
}

start().catch(() => toast("The sandbox server does not answer. Is it running?"));
