// What comes back from the server: which of it fits here, and what went wrong.
// find and all are those of app.js.

// What an answer brings along for other places is dropped where the page has no such
// place: a dialog does not know what it opened over.
function fitting(html) {
  const answer = document.createElement("template");
  answer.innerHTML = html;
  const lost = all("[hx-swap-oob]", answer.content).filter((part) => {
    const [, place = `#${part.id}`] = part.getAttribute("hx-swap-oob").split(":");
    return !find(place);
  });
  lost.forEach((part) => part.remove());
  return lost.length ? answer.innerHTML : html;
}
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.serverResponse.includes("hx-swap-oob")) {
    detail.serverResponse = fitting(detail.serverResponse);
  }
});

// What could not be done is said in place; what was typed stays. The server's own words
// open in the dialog that was asked for, or stand in the open one, or under the top bar.
function place() {
  const dialog = find("dialog[open]");
  all(".said").forEach((note) => note.remove());
  return dialog ? find(".dlg-body", dialog) ?? dialog : find("#flash");
}
function say(words, again = "") {
  if (find(".said")?.textContent.includes(words)) return;
  const note = find("#said").content.firstElementChild.cloneNode(true);
  const link = find("a", note);
  find("[data-words]", note).textContent = words;
  if (again) link.href = again;
  else link.remove();
  place().prepend(note);
}
// A list that was asked for has an address of its own, to ask again.
function listOf({ requestConfig, pathInfo, target }) {
  const asked = requestConfig.verb === "get" && target.id === "rows";
  return asked && requestConfig.triggeringEvent ? pathInfo.finalRequestPath : "";
}
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const said = detail.xhr.getResponseHeader("HX-Said");
  if (!said) return;
  detail.shouldSwap = true;
  detail.isError = false;
  if (said === "note") { detail.target = place(); detail.swapOverride = "afterbegin"; }
});
const CUT_OFF = "No connection. Figures may be old.";
const BROKEN = "Something broke on our side. Load the page again before you repeat this.";
document.body.addEventListener("htmx:responseError", ({ detail }) => {
  const away = detail.requestConfig.verb === "get" && detail.xhr.status > 501;
  say(away ? CUT_OFF : BROKEN, listOf(detail));
});
document.body.addEventListener("htmx:sendError", ({ detail }) => {
  say(CUT_OFF, listOf(detail));
});
document.body.addEventListener("htmx:afterOnLoad", ({ detail }) => {
  // Figures that are read again say nothing of a press that was refused.
  const over = detail.requestConfig.verb === "get" ? ".said.cut" : ".said";
  if (detail.xhr.status < 400) all(over).forEach((note) => note.remove());
});
