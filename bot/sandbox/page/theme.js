/** Light, dark, or as the system says; kept in this browser. */

import { icon } from "./dom.js";

const KEY = "sandbox-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };
const SHOWN = { system: ["system", "as the system"], light: ["sun", "light"], dark: ["moon", "dark"] };

/** Applies the stored theme and makes `button` go through the three. */
export function startTheme(button) {
  let theme = localStorage.getItem(KEY);
  if (!(theme in NEXT)) theme = "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const [glyph, name] = SHOWN[theme];
    button.replaceChildren(icon(glyph));
    button.setAttribute("aria-label", `Colours: ${name}. Change`);
    button.title = `Colours: ${name}`;
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    localStorage.setItem(KEY, theme);
    apply();
  });
  apply();
}
