/** What the page knows, and its way to ask the server. */

export const state = {
  team: { id: "", name: "" },
  me: "",
  users: new Map(),
  channels: [],
  mentions: [],
  commands: [],
  shortcuts: [],
  info: {},
  /** Id of the channel on screen; null while an app's home is shown. */
  channel: null,
  /** Thread on screen: {channel, ts}, or null. */
  thread: null,
};

async function answer(response) {
  try {
    return await response.json();
  } catch {
    return { ok: false, error: `http_${response.status}` };
  }
}

async function get(path, query) {
  try {
    return await answer(await fetch(`/page/${path}?${new URLSearchParams(query)}`));
  } catch {
    return { ok: false, error: "The sandbox server does not answer." };
  }
}

/** Sends a deed of this user to the server; never raises, the answer is {ok, error?, ...}. */
export async function post(path, body) {
  try {
    const response = await fetch(`/page/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: state.me, ...body }),
    });
    return await answer(response);
  } catch {
    return { ok: false, error: "The sandbox server does not answer." };
  }
}

/** Loads the workspace as `user` sees it (undefined: the server picks one). */
export async function loadState(user) {
  const loaded = await get("state", user ? { user } : {});
  if (!loaded.me) throw new Error(loaded.error ?? "no_state");
  Object.assign(state, {
    team: loaded.team,
    me: loaded.me,
    users: new Map(loaded.users.map((u) => [u.id, u])),
    channels: loaded.channels,
    mentions: loaded.mentions ?? [],
    commands: loaded.commands ?? [],
    shortcuts: loaded.shortcuts ?? [],
    info: loaded.info ?? {},
  });
}

export const loadHistory = (channel) => get("history", { user: state.me, channel });
export const loadReplies = (channel, ts) => get("replies", { user: state.me, channel, ts });

export const channelById = (id) => state.channels.find((channel) => channel.id === id) ?? null;

export function userName(id) {
  const user = state.users.get(id);
  return user ? user.real_name || user.name : id;
}

/** "#general", or the other person's name in a direct message. */
export function channelTitle(channel) {
  if (!channel) return "";
  if (!channel.is_im) return channel.name;
  const other = (channel.members ?? []).find((id) => id !== state.me);
  return other ? userName(other) : channel.name;
}

/** The apps that text as sent mentions, each once. */
export function appsIn(text) {
  const ids = new Set([...text.matchAll(/<@([A-Z0-9]+)(?:\|[^>]*)?>/g)].map(([, id]) => id));
  return [...ids].map((id) => state.users.get(id)).filter((user) => user?.is_bot);
}
