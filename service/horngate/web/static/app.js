// Which view an address means, and moving between views without leaving the page: the token that
// was typed lives as long as this document.

import { byId, el } from "./dom.js";
import { showModel } from "./model.js";
import { showModels } from "./models.js";
import { Lost, back, json, locked, openPlain } from "./server.js";
import { showTry } from "./try.js";

let leave = () => {};
let turn = 0;
let missed = false;

function route(path) {
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  if (parts[0] === "models" && parts.length === 2) return [showModel, parts[1], parts[1]];
  if (parts[0] === "models" && parts[2] === "try") return [showTry, parts[1], `Try ${parts[1]}`];
  return [showModels, null, "Models"];
}

async function show({ focus = false } = {}) {
  leave();
  leave = () => {};
  missed = false;
  const mine = ++turn;
  const [view, name, title] = route(location.pathname);
  document.title = `${title} · Horngate`;
  const place = el("div", { class: "view" });
  byId("view").replaceChildren(place);
  try {
    const left = await view(place, name, new URLSearchParams(location.search));
    if (mine === turn) leave = left ?? leave;
    else left?.();
  } catch (error) {
    if (mine !== turn) return;
    missed = error instanceof Lost;
    place.replaceChildren(
      el("h1", {}, title),
      el("p", { class: "wrong", role: "alert" }, error.message),
      el("p", {}, el("a", { href: "/" }, "All models")),
    );
  }
  if (focus && mine === turn) byId("view").focus();
}

export function go(address) {
  history.pushState(null, "", address);
  show({ focus: true });
  scrollTo(0, 0);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (link.getAttribute("href").startsWith("#")) return;
  if ("plain" in link.dataset) {
    if (!locked()) return;
    event.preventDefault();
    openPlain(link.pathname);
    return;
  }
  event.preventDefault();
  go(link.href);
});
addEventListener("popstate", () => show({ focus: true }));

async function state() {
  const place = byId("state");
  try {
    const { server, notices } = await json("/models.json");
    place.textContent = server.ready ? "ready" : "not ready";
    place.dataset.good = server.ready;
    if (notices.length) place.title = notices.join("\n");
  } catch (error) {
    place.textContent = error instanceof Lost ? "lost" : "";
    place.dataset.good = false;
  }
}

back.addEventListener("back", () => {
  state();
  if (missed) show();
});
state();
setInterval(() => document.hidden || state(), 10_000);
show();
