// Speed, never ability: every page works without this file.
const root = document.documentElement;
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Theme
const toggle = find("[data-theme-toggle]");
if (toggle) {
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  });
}

// Dialogs: what htmx puts into one opens it; closing empties it and returns focus.
let opener = null;
document.body.addEventListener("htmx:afterSwap", ({ target, detail }) => {
  const dialog = target.closest?.("dialog");
  if (!dialog) return;
  const other = find(`dialog[open]:not(#${dialog.id})`);
  if (other) other.close();
  dialog.classList.toggle("wide", Boolean(find("form.wide", dialog)));
  if (!dialog.open) {
    opener ??= document.activeElement;
    dialog.showModal();
  }
  // A part that was swapped inside it leaves the focus where it is.
  if (detail.target.matches("dialog, .frame")) (find("[role=alert]", dialog) ? find("[aria-invalid=true]", dialog) : find("[autofocus]", dialog))?.focus();
  all("[data-copy]", dialog).forEach((button) => { button.hidden = !navigator.clipboard; });
});
all("dialog").forEach((dialog) => {
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (find("dialog[open]")) return;
    (opener?.isConnected ? opener : find("#main")).focus();
    opener = null;
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
});

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  const dialog = on("dialog");
  if (on("[data-close]") && dialog) { event.preventDefault(); dialog.close(); }
  if (on("[data-copy]")) navigator.clipboard.writeText(on("[data-copy]").dataset.copy);
  if (on("[data-clear]")) { tick(boxes(), false); bulk(); }
  if (on("[data-select-matching]")) bulk("matching");
  const step = on("[data-step]");
  if (step) {
    event.preventDefault();
    const input = find("input", step.closest(".stepper"));
    const moved = (Number.parseInt(input.value.replaceAll(",", ""), 10) || 0) + Number(step.dataset.step);
    input.value = Math.min(Number(input.dataset.most ?? Infinity), Math.max(Number(input.dataset.least ?? 300), moved));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
});

document.addEventListener("click", (event) => {
  const set = event.target.closest("[data-set]");
  if (!set) return;
  event.preventDefault();
  const input = find(`#${set.dataset.set}`);
  input.value = set.value;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

// Ticked rows and the bar under them; shift extends.
const boxes = () => all('#rows input[name="image"]');
const tick = (list, on) => list.forEach((box) => { box.checked = on; });
let last = null;
let pending = null;
function bulk(scope = "") {
  const bar = find("#bulk");
  if (!bar) return;
  const ticked = boxes().filter((box) => box.checked);
  if (!scope && !ticked.length) { bar.replaceChildren(); return; }
  const query = scope ? new URLSearchParams(location.search) : new URLSearchParams();
  ["after", "sort"].forEach((name) => query.delete(name));
  if (scope) query.set("scope", scope);
  else ticked.forEach((box) => query.append("image", box.value));
  clearTimeout(pending);
  pending = setTimeout(() => htmx.ajax("GET", `${find("#images").dataset.bulk}?${query}`, "#bulk"), 150);
}
document.addEventListener("click", (event) => {
  const box = event.target.closest('#rows input[name="image"]');
  if (box && event.shiftKey && last) {
    const list = boxes();
    const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
    tick(list.slice(Math.max(0, from), to + 1), box.checked);
  }
  if (box) last = box;
});
document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-all]")) tick(boxes(), target.checked);
  if (target.closest("#rows")) bulk();
});

// Polls wait while the tab is hidden or rows are ticked; nothing ticked is lost.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  const poll = requestConfig.triggeringEvent === undefined || requestConfig.triggeringEvent?.type === "htmx:poll";
  const busy = document.hidden || (elt.id === "rows" && boxes().some((box) => box.checked));
  if (poll && elt.getAttribute("hx-trigger")?.startsWith("every") && busy) event.preventDefault();
});

// What could not be done is said in place; what was typed stays. The server's own words
// open in the dialog that was asked for, or stand in the open one, or under the top bar.
function place() {
  const dialog = find("dialog[open]");
  all(".said").forEach((note) => note.remove());
  return dialog ? find(".dlg-body", dialog) ?? dialog : find("#flash");
}
function say(words) {
  if (find(".said")?.textContent === words) return;
  const note = Object.assign(document.createElement("div"), { className: "note bad said cut", textContent: words });
  note.setAttribute("role", "alert");
  place().prepend(note);
}
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const said = detail.xhr.getResponseHeader("HX-Said");
  if (!said) return;
  detail.shouldSwap = true;
  detail.isError = false;
  if (said === "note") { detail.target = place(); detail.swapOverride = "afterbegin"; }
});
document.body.addEventListener("htmx:responseError", ({ detail }) => say(detail.requestConfig.verb === "get" && detail.xhr.status > 501 ? "No connection. Figures may be old." : "Something broke on our side. Load the page again before you repeat this."));
document.body.addEventListener("htmx:sendError", () => say("No connection. Figures may be old."));
// What makes a press valid stays out of addresses, and so out of logs.
document.body.addEventListener("htmx:configRequest", ({ detail }) => { if (detail.verb === "get") delete detail.parameters.csrfmiddlewaretoken; });
document.body.addEventListener("htmx:afterOnLoad", ({ detail }) => {
  // Figures that are read again say nothing of a press that was refused.
  const over = detail.requestConfig.verb === "get" ? ".said.cut" : ".said";
  if (detail.xhr.status < 400) all(over).forEach((note) => note.remove());
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
  const single = !typing && !event.ctrlKey && !event.metaKey && !event.altKey && root.dataset.keys !== "off";
  if (single && event.key === "/" && find("#q")) { event.preventDefault(); find("#q").focus(); }
  if (single && "[]".includes(event.key)) find(`[data-key="${event.key}"]`)?.click();
  if (single && event.key === "?" && find("#help") && !find("dialog[open]")) htmx.ajax("GET", find("#help").href, "#modal");
  const stepper = event.target.closest(".stepper");
  if (stepper && event.target.matches("input") && ["ArrowUp", "ArrowDown"].includes(event.key)) {
    event.preventDefault();
    find(`[data-step="${event.key === "ArrowUp" ? "" : "-"}300"]`, stepper).click();
  }
});
