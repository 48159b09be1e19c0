/** Channels, direct messages and apps; who is looking; the drawer on a phone. */

import { avatar } from "./avatar.js";
import { h, icon } from "./dom.js";
import { channelTitle, state } from "./state.js";

const byId = (id) => document.getElementById(id);

export class Sidebar {
  #unread = new Set();
  #home = null;

  /** `openChannel(id)` and `openHome(user)` run when something is chosen. */
  constructor({ openChannel, openHome }) {
    this.openChannel = openChannel;
    this.openHome = openHome;
    this.element = byId("sidebar");
    this.button = byId("menu-button");
    this.button.append(icon("menu"));
    this.button.addEventListener("click", () => this.toggle());
    byId("scrim").addEventListener("click", () => this.toggle(false));
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.element.classList.contains("open")) {
        event.stopPropagation();
        this.toggle(false);
        this.button.focus();
      }
    });
    byId("user-switch").addEventListener("change", (event) => {
      location.assign(`/?user=${encodeURIComponent(event.target.value)}${location.hash}`);
    });
  }

  /** Opens or closes the drawer; on a wide window the sidebar is always there. */
  toggle(open = !this.element.classList.contains("open")) {
    this.element.classList.toggle("open", open);
    byId("scrim").hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) this.element.querySelector("[aria-current], .side-link")?.focus();
  }

  markUnread(channel) {
    this.#unread.add(channel);
    this.draw();
  }

  /** Draws the lists anew; `home`: id of the app whose home is on screen, null for none. */
  draw({ home = this.#home } = {}) {
    this.#home = home;
    this.#unread.delete(state.channel);
    byId("team-name").textContent = state.team.name;
    const people = [...state.users.values()].filter((user) => !user.is_bot);
    byId("user-switch").replaceChildren(...people.map((user) =>
      h("option", { text: user.real_name || user.name, value: user.id, selected: user.id === state.me })));
    const channels = state.channels.filter((channel) => !channel.is_im);
    const direct = state.channels.filter((channel) => channel.is_im);
    const apps = [...state.users.values()].filter((user) => user.is_bot);
    const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    byId("sidebar-lists").replaceChildren(...[
      this.#group("Channels", channels.map((channel) => this.#channel(channel))),
      this.#group("Direct messages", direct.map((channel) => this.#channel(channel))),
      this.#group("Apps", apps.map((user) => this.#app(user))),
    ].filter(Boolean));
    if (focused) this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #group(title, links) {
    if (!links.length) return null;
    return h("section", { class: "side-group" }, h("h2", { text: title }), h("ul", {}, links.map((link) => h("li", {}, link))));
  }

  #link({ key, current, unread, picture, label, testid, run }) {
    return h("a", {
      href: `#${key}`, class: `side-link${unread ? " unread" : ""}`, "aria-current": current ? "page" : null,
      data: { key, testid, ...(testid === "channel-link" ? { channel: key } : {}) },
      on: { click: (event) => {
        event.preventDefault();
        this.toggle(false);
        run();
      } },
    }, picture, h("span", { class: "side-name", text: label }),
    unread && h("span", { class: "visually-hidden", text: " (unread)" }));
  }

  #channel(channel) {
    const other = channel.is_im && state.users.get((channel.members ?? []).find((id) => id !== state.me));
    return this.#link({
      key: channel.id,
      current: channel.id === state.channel,
      unread: this.#unread.has(channel.id),
      picture: other ? avatar({ ...other, name: other.real_name || other.name }) : icon(channel.is_private ? "lock" : "hash"),
      label: channelTitle(channel),
      testid: "channel-link",
      run: () => this.openChannel(channel.id),
    });
  }

  #app(user) {
    return this.#link({
      key: `home-${user.id}`,
      current: this.#home === user.id,
      unread: false,
      picture: avatar({ ...user, name: user.real_name || user.name }),
      label: user.real_name || user.name,
      testid: "app-link",
      run: () => this.openHome(user),
    });
  }
}
