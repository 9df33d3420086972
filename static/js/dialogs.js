// An open dialog has the address of its page: Back closes it, a reload shows it whole.
const opened = () => document.querySelector("dialog[open]");
let leaving = false;

document.body.addEventListener("htmx:afterSwap", ({ target, detail }) => {
  const { verb } = detail.requestConfig ?? {};
  const whole = target.closest?.("dialog") && detail.target.matches("dialog, .frame");
  if (verb !== "get" || !whole) return;
  const at = detail.pathInfo.finalRequestPath;
  if (history.state?.dialog) history.replaceState(history.state, "", at);
  else history.pushState({ dialog: true }, "", at);
});

document.querySelectorAll("dialog").forEach((dialog) => {
  dialog.addEventListener("close", () => {
    if (!history.state?.dialog || opened()) return;
    leaving = true;
    history.back();
  });
});

// Before htmx looks at it: the page under a dialog is there already.
addEventListener("popstate", (event) => {
  const dialog = opened();
  if (leaving || dialog) event.stopImmediatePropagation();
  if (!leaving && dialog) dialog.close();
  else if (!leaving && event.state?.dialog) location.reload();
  leaving = false;
});
