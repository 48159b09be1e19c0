/** The live connection: a WebSocket that comes back by itself. */

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;

/**
 * Keeps a connection for `user`. `onEvent(event)` gets each parsed event, `onUp(again)` each connect (again: after a
 * break, so what happened meanwhile has to be fetched), `onDown()` each loss.
 */
export function connect(user, { onEvent, onUp, onDown }) {
  let delay = FIRST_DELAY_MS;
  let wasUp = false;

  function open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/page/live?user=${encodeURIComponent(user)}`);
    socket.addEventListener("open", () => {
      delay = FIRST_DELAY_MS;
      onUp(wasUp);
      wasUp = true;
    });
    socket.addEventListener("message", ({ data }) => {
      let event;
      try {
        event = JSON.parse(data);
      } catch {
        return; // not for us: the page only speaks JSON
      }
      onEvent(event);
    });
    socket.addEventListener("close", () => {
      onDown();
      // Jitter, so that several pages do not come back in the same instant.
      setTimeout(open, delay * (0.7 + Math.random() * 0.6));
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
    });
  }

  open();
}
