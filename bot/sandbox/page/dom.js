/** Building DOM nodes. Data only ever becomes text nodes or attribute values; there is no innerHTML in this page. */

const SVG = "http://www.w3.org/2000/svg";

/** What a link may lead to. Everything else stays text. */
const SAFE_PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

/**
 * An element. `props`: `class`, `text`, `on` ({event: listener}), `data` ({name: value}), `vars` (CSS custom
 * properties), DOM booleans (hidden, disabled, checked ...), and any other attribute. null/false props are left out.
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "value") node.value = value;
    else if (name === "on") for (const [type, fn] of Object.entries(value)) node.addEventListener(type, fn);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The URL if it may be followed, else null. */
export function safeUrl(url) {
  try {
    return SAFE_PROTOCOLS.has(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** A link that opens in a new tab and leaks no referrer; plain text where the URL is not allowed. */
export function link(url, ...children) {
  const href = safeUrl(url);
  if (href === null) return h("span", {}, ...children);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer", class: "link" }, ...children);
}

const ICONS = {
  reply: "M9 14 4 9l5-5M4 9h9a7 7 0 0 1 7 7v4",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  trash: "M4 7h16M10 11v6M14 11v6M6 7l1 13h10l1-13M9 7V4h6v3",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.500 14.500a4.500 4.500 0 0 0 7 0M9 9.500v.01M15 9.500v.01",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  send: "M4 12 20 4l-5 16-3.500-6.500zM11.500 13.500 20 4",
  stop: "M7 7h10v10H7z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600 7 7M17 17l1.400 1.400M18.400 5.600 17 7M7 17l-1.400 1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500",
  system: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 4v16M12 8h7M12 12h8M12 16h7",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.7.300-1 .8-1 1.700M12 17v.01",
  hash: "M9 4 7 20M17 4l-2 16M4.500 9h16M3.500 15h16",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  down: "M12 5v14M6 13l6 6 6-6",
  eye: "M3 12s3.500-6 9-6 9 6 9 6-3.500 6-9 6-9-6-9-6M12 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9.500v.01",
  up: "M7 11v9H4v-9zM7 11l4-7a2 2 0 0 1 2 2v4h5.500a1.500 1.500 0 0 1 1.500 1.800l-1.300 6.700a1.500 1.500 0 0 1-1.500 1.500H7",
  thumbDown: "M7 13V4H4v9zM7 13l4 7a2 2 0 0 0 2-2v-4h5.500a1.500 1.500 0 0 0 1.500-1.800l-1.300-6.700A1.500 1.500 0 0 0 17.200 4H7",
};

/** One of the page's own line icons; decorative, so hidden from assistive technology. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of [["viewBox", "0 0 24 24"], ["class", `icon icon-${name}`], ["aria-hidden", "true"]]) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name] ?? "");
  svg.append(path);
  return svg;
}

/** A button that shows only an icon and names itself to assistive technology and as a tooltip. */
export function iconButton(name, label, onClick, props = {}) {
  return h(
    "button",
    { type: "button", title: label, "aria-label": label, on: { click: onClick }, ...props,
      class: `icon-button ${props.class ?? ""}`.trim() },
    icon(name),
  );
}

let lastId = 0;

/** A document-unique id for labels and ARIA references. */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
