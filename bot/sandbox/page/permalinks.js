/** Addresses of messages, as "Copy link" gives them, and the way back: in Slack such a link opens the message. */

import { safeUrl } from "./dom.js";
import { state } from "./state.js";

const PATH = /^archives\/([A-Z0-9]+)\/p(\d{10})(\d{6})$/;

/** The address of a message; a reply's names its thread. */
export function permalink({ channel, ts, thread_ts: thread }) {
  const reply = thread && thread !== ts ? `?thread_ts=${thread}&cid=${channel}` : "";
  return `${state.team.url}archives/${channel}/p${ts.replace(".", "")}${reply}`;
}

/** {channel, ts, thread} of a message's address in this workspace, else null. `thread`: null where it is no reply. */
export function messageAt(url) {
  if (!state.team.url || !url.startsWith(state.team.url)) return null;
  const { pathname, searchParams } = new URL(url);
  const match = PATH.exec(pathname.slice(1));
  return match && { channel: match[1], ts: `${match[2]}.${match[3]}`, thread: searchParams.get("thread_ts") };
}

/** Opens an address: a message of this workspace on the page itself, anything else in a new tab. */
export function openUrl(url) {
  const safe = safeUrl(url);
  if (!safe) return;
  const place = messageAt(safe);
  if (place) document.dispatchEvent(new CustomEvent("openmessage", { detail: place }));
  else window.open(safe, "_blank", "noopener,noreferrer");
}
