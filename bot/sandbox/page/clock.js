/** Times of messages. A Slack `ts` is a string of seconds with a fraction. */

export const millis = (ts) => Number.parseFloat(ts) * 1000;

export const timeText = (ts) => new Date(millis(ts)).toLocaleTimeString(undefined, { timeStyle: "short", hourCycle: "h23" });

export const fullText = (ts) => new Date(millis(ts)).toLocaleString(undefined, { dateStyle: "full", timeStyle: "medium" });

/** "Today", "Yesterday", or the date. */
export function dayText(ts) {
  const day = new Date(millis(ts)).toDateString();
  const now = new Date();
  if (day === now.toDateString()) return "Today";
  now.setDate(now.getDate() - 1);
  if (day === now.toDateString()) return "Yesterday";
  return new Date(millis(ts)).toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" });
}

/** "just now", "3 minutes ago", for the last reply of a thread. */
export function agoText(ts) {
  const minutes = Math.round((Date.now() - millis(ts)) / 60_000);
  if (minutes < 1) return "just now";
  const unit = minutes < 60 ? ["minute", minutes] : minutes < 1440
    ? ["hour", Math.round(minutes / 60)] : ["day", Math.round(minutes / 1440)];
  return `${unit[1]} ${unit[0]}${unit[1] === 1 ? "" : "s"} ago`;
}
