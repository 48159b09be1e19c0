/** The tabs of an app, as above its pages in Slack: its home, and the direct message with it. */

import { h } from "./dom.js";

export class AppTabs {
  /** `openHome(user)` and `openMessages(user)` run when a tab is chosen. */
  constructor(element, { openHome, openMessages }) {
    this.element = element;
    this.tabs = [["home", "Home", openHome], ["messages", "Messages", openMessages]];
  }

  /** Shows them for the app's bot user, with `current` ("home", "messages") on screen; for null shows none. */
  draw(user, current) {
    this.element.hidden = !user;
    this.element.replaceChildren(...(user ? this.tabs.map(([key, label, open]) => h("button", {
      type: "button", class: "tab", text: label, "aria-current": key === current ? "page" : null,
      data: { testid: `${key}-tab` }, on: { click: () => open(user) },
    })) : []));
  }
}
