/** What an app declared as an agent suggests to ask, above the composer of its direct message. */

import { h } from "./dom.js";

export class Prompts {
  /** `send(message)` asks one of them. */
  constructor(send) {
    this.send = send;
    this.element = h("div", { class: "prompts", role: "group", "aria-label": "Suggested prompts", hidden: true });
  }

  draw(channel) {
    const prompts = channel?.prompts ?? [];
    this.element.hidden = !prompts.length;
    this.element.replaceChildren(...prompts.map(({ title, message }) => h("button", {
      type: "button", class: "button button-quiet", title: message, text: title, data: { testid: "prompt" },
      on: { click: () => this.send(message) },
    })));
  }
}
