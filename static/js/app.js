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
  if (detail.target.matches("dialog, .frame")) {
    const refused = find("[role=alert]", dialog);
    find(refused ? "[aria-invalid=true]" : "[autofocus]", dialog)?.focus();
  }
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
    const { least = 300, most = Infinity } = input.dataset;
    const typed = Number.parseInt(input.value.replaceAll(",", ""), 10) || 0;
    const moved = typed + Number(step.dataset.step);
    input.value = Math.min(Number(most), Math.max(Number(least), moved));
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
  const url = `${find("#images").dataset.bulk}?${query}`;
  pending = setTimeout(() => htmx.ajax("GET", url, "#bulk"), 150);
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

// Polls wait while the tab is hidden or rows are ticked; nothing ticked is lost. They say
// what they are: a page that asks by itself keeps nobody signed in.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig, xhr } = event.detail;
  const { triggeringEvent: by } = requestConfig;
  const poll = by === undefined || by?.type === "htmx:poll";
  if (!poll || !elt.getAttribute("hx-trigger")?.startsWith("every")) return;
  const busy = document.hidden || (elt.id === "rows" && boxes().some((box) => box.checked));
  if (busy) event.preventDefault();
  else xhr.setRequestHeader("X-Poll", "true");
});

// What makes a press valid stays out of addresses, and so out of logs.
document.body.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb === "get") delete detail.parameters.csrfmiddlewaretoken;
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
  const held = event.ctrlKey || event.metaKey || event.altKey;
  const single = !typing && !held && root.dataset.keys !== "off";
  if (single && event.key === "/" && find("#q")) { event.preventDefault(); find("#q").focus(); }
  if (single && "[]".includes(event.key)) find(`[data-key="${event.key}"]`)?.click();
  const help = !find("dialog[open]") && find("#help");
  if (single && event.key === "?" && help) htmx.ajax("GET", help.href, "#modal");
  const stepper = event.target.closest(".stepper");
  if (stepper && event.target.matches("input") && ["ArrowUp", "ArrowDown"].includes(event.key)) {
    event.preventDefault();
    find(`[data-step="${event.key === "ArrowUp" ? "" : "-"}300"]`, stepper).click();
  }
});
