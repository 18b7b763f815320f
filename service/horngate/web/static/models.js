// All models: what is served, in short.

import { ago, el, modelPath, put } from "./dom.js";
import { json } from "./server.js";
import { liveCharts } from "./live.js";
import { shared } from "./inputs.js";

const STATES = { available: "available", loading: "loading", unloading: "unloading", end: "ended" };

export const stateOf = (version) =>
  version.error ? "failed" : STATES[version.state] ?? version.state;

export const stateMark = (version) => {
  const state = stateOf(version);
  return el("span", { class: `mark ${state}` }, state);
};

export const defaultSignature = (signatures) =>
  signatures.find((each) => each.name === "serving_default") ?? signatures[0];

const tensors = (kind, specs) =>
  el("div", { class: "tensors" },
    el("span", { class: "quiet" }, kind),
    specs.map((spec) => el("span", { class: "tensor" }, el("b", {}, spec.name), " ", el("code", {}, spec.text))));

function card(model) {
  const live = model.versions.filter((each) => each.state === "available");
  const failed = model.versions.filter((each) => each.error);
  const signature = defaultSignature(model.signatures);
  const newest = live.find((each) => each.version === model.newest);
  const names = Object.entries(model.labels).map(([label, version]) => `${label} → ${version}`);
  return el("article", { class: "card" },
    el("header", {},
      el("h2", {}, el("a", { href: modelPath(model.name) }, model.name)),
      model.versions.length ? stateMark(newest ?? model.versions[0]) : el("span", { class: "mark" }, "empty")),
    newest
      ? el("p", { class: "quiet" },
        `version ${live.map((each) => each.version).join(", ")} · ${newest.engine} · since ${ago(newest.since)}`,
        names.length ? ` · ${names.join(", ")}` : "")
      : el("p", { class: "quiet" }, model.why || "no version"),
    failed.slice(0, 3).map((each) => el("p", { class: "wrong" }, `version ${each.version} failed: ${each.error}`)),
    signature && [tensors("in", signature.inputs), tensors("out", signature.outputs)],
    newest && el("p", { class: "actions" },
      el("a", { class: "button", href: `${modelPath(model.name)}/try` }, "Try it"),
      el("a", { class: "plain", href: modelPath(model.name) }, "What is served and why")));
}

// Two models that take the same input are best seen side by side.
function pair(models) {
  const able = models.filter((each) => each.newest !== null);
  for (const first of able) {
    for (const second of able) {
      if (first === second) continue;
      const ours = defaultSignature(first.signatures);
      const theirs = defaultSignature(second.signatures);
      if (ours.inputs.length >= theirs.inputs.length && theirs.inputs.some((spec) => shared(spec, ours.inputs))) {
        return [first, second];
      }
    }
  }
  return null;
}

export async function showModels(place) {
  const grid = el("div", { class: "grid" });
  const lead = el("p", { class: "lead" });
  const notices = el("div", {});
  place.append(el("h1", {}, "Models"), lead, notices, grid);

  let before = "";
  const draw = async () => {
    const told = await json("/models.json");
    const text = JSON.stringify(told);
    if (text === before) return;
    before = text;
    const { server, models } = told;
    const live = models.filter((each) => each.newest !== null).length;
    const both = pair(models);
    put(lead,
      models.length
        ? `${live} of ${models.length} ${models.length === 1 ? "model is" : "models are"} live. gRPC answers on port ${server.grpc_port}. `
        : "The repository is empty: publish a model, and it appears here. ",
      both && el("a", { href: `${modelPath(both[0].name)}/try?with=${encodeURIComponent(both[1].name)}` },
        `Try ${both[0].name} and ${both[1].name} side by side`));
    put(notices, told.notices.map((each) => el("p", { class: "wrong" }, each)));
    put(grid, models.map(card));
  };
  await draw();
  const timer = setInterval(() => document.hidden || draw().catch(() => {}), 3000);
  const live = el("section", { "aria-label": "Live figures" });
  place.append(live);
  const stop = liveCharts(live, null);
  return () => {
    clearInterval(timer);
    stop();
  };
}
