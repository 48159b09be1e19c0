/** Views of an app: modals with inputs, and the App Home. */

import { renderBlocks } from "./blocks.js";
import { openDialog, toast } from "./dialogs.js";
import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { post } from "./state.js";

/** The inputs of one view, and their values in the shape of Slack's `view.state.values`. */
class ViewForm {
  #fields = [];

  add(blockId, actionId, read, field = null) {
    this.#fields.push({ blockId, actionId, read, field });
  }

  values() {
    const values = {};
    for (const { blockId, actionId, read } of this.#fields) {
      values[blockId] ??= {};
      values[blockId][actionId] = read();
    }
    return values;
  }

  /** Shows errors by block id; true where there was one. */
  showErrors(errors) {
    let first = null;
    for (const { blockId, field } of this.#fields) {
      field?.showError(errors[blockId] ?? "");
      if (errors[blockId] && field) first ??= field.focus;
    }
    first?.focus();
    return first !== null;
  }

  missing() {
    const empty = (value) => Object.entries(value).every(([key, v]) =>
      key === "type" || v === null || (Array.isArray(v) && !v.length));
    const errors = {};
    for (const { blockId, field, read } of this.#fields) {
      if (field && !field.optional && empty(read())) errors[blockId] = "Please complete this required field.";
    }
    return errors;
  }
}

function viewContext(view, form) {
  return {
    form,
    act: (payload) => post("action", { view_id: view.id, ...payload, state: form.values() }),
  };
}

const open = new Map();

/** Shows a modal view, or its new state where it is already open. */
export function showModal(view) {
  const known = open.get(view.id);
  if (known) {
    known.fill(view);
    return;
  }
  const form = { current: new ViewForm() };
  let submitted = false;
  const body = h("div", { class: "view-blocks" });
  const foot = h("div", { class: "view-buttons" });
  const dialog = openDialog({
    title: view.title?.text ?? "",
    tag: "form",
    className: "dialog-view",
    body,
    foot,
    onClose: () => {
      open.delete(view.id);
      if (!submitted) post("view", { view_id: view.id, what: "close", state: form.current.values() });
    },
  });
  const close = () => {
    submitted = true;
    dialog.close();
  };
  const fill = (next) => {
    form.current = new ViewForm();
    dialog.querySelector(".dialog-head h2").replaceChildren(...withEmoji(next.title?.text ?? ""));
    body.replaceChildren(...renderBlocks(next.blocks, viewContext(next, form.current)));
    foot.replaceChildren(
      h("button", { type: "button", class: "button", on: { click: () => dialog.close() } },
        withEmoji(next.close?.text ?? "Cancel")),
      ...(next.submit ? [h("button", { type: "submit", class: "button button-primary" }, withEmoji(next.submit.text))] : []));
  };
  fill(view);
  open.set(view.id, { fill, close });
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.current.showErrors(form.current.missing())) return;
    const button = foot.querySelector("[type=submit]");
    button.disabled = true;
    const answer = await post("view", { view_id: view.id, what: "submit", submit: true, state: form.current.values() });
    button.disabled = false;
    settle(view.id, answer, form.current);
  });
  body.querySelector("input, textarea, select")?.focus();
}

/** What the app answered to a submission: errors, another view, or nothing, which closes the modal. */
function settle(viewId, answer, form) {
  const action = answer.response_action ?? (answer.errors ? "errors" : null);
  if (action === "errors") {
    if (!form.showErrors(answer.errors ?? {})) toast(Object.values(answer.errors ?? {}).join(" ") || "The app found an error.");
  } else if (!answer.ok) toast(`The app did not take this: ${answer.error ?? "unknown error"}`);
  else if ((action === "update" || action === "push") && answer.view) {
    if (action === "update" && answer.view.id !== viewId) open.get(viewId)?.close();
    showModal(answer.view);
  } else if (action === "clear") for (const view of [...open.values()]) view.close();
  else if (action !== "update" && action !== "push") open.get(viewId)?.close();
}

/** The App Home of a view as a node. */
export function renderHome(view) {
  const form = new ViewForm();
  return h("div", { class: "home-view" }, renderBlocks(view.blocks, viewContext(view, form)));
}
