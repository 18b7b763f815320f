// One model: what is served and why.

import { ago, el, modelPath, number, put, seconds, table } from "./dom.js";
import { card } from "./card.js";
import { costs } from "./charts.js";
import { liveCharts } from "./live.js";
import { stateMark } from "./models.js";
import { json, picture } from "./server.js";

const CAPTIONS = {
  "training.png": "Loss and accuracy over the epochs of training",
  "confusion.png": "Which classes are taken for which",
};

const reasons = (version) => [
  version.error && el("span", { class: "wrong" }, version.error),
  version.engine_reason && el("span", {}, `not on the fastest engine: ${version.engine_reason}`),
  version.rows_reason && el("span", {}, `not batched: ${version.rows_reason}`),
  version.notes && el("span", {}, `not as its config.pbtxt says: ${version.notes}`),
].filter(Boolean);

const versions = (model) =>
  table("Versions", ["version", "state", "since", "engine", "loaded in", ""], model.versions.map((version) => [
    String(version.version),
    stateMark(version),
    el("time", version.since ? { datetime: new Date(version.since * 1000).toISOString() } : {}, ago(version.since) || "–"),
    version.engine || "–",
    seconds(version.load_seconds),
    el("div", { class: "stack" }, reasons(version)),
  ]));

function tensors(signature) {
  const about = (spec) => [
    spec.picture && `pictures: ${spec.picture.height ?? "any"} × ${spec.picture.width ?? "any"}, black ${number(spec.picture.low)} to white ${number(spec.picture.high)}`,
    spec.labels?.length ? `labels: ${spec.labels.slice(0, 12).join(", ")}${spec.labels.length > 12 ? ", …" : ""}` : null,
    spec.activation && `ends with ${spec.activation}`,
    spec.optional && "may be left out",
  ].filter(Boolean).join("; ");
  return [
    el("h3", {}, "Signature ", el("code", {}, signature.name)),
    table(`Signature ${signature.name}`, ["", "name", "type", ""], [
      ...signature.inputs.map((spec) => ["input", el("b", {}, spec.name), el("code", {}, spec.text), about(spec)]),
      ...signature.outputs.map((spec) => ["output", el("b", {}, spec.name), el("code", {}, spec.text), about(spec)]),
    ]),
  ];
}

function compiled(told) {
  if (!told) return [];
  const rows = told.signatures.map((form) => [
    el("code", {}, form.name), number(form.largest_difference), form.rows.join(", ") || "–",
    `${number(form.atol)} + ${number(form.rtol)} × |value|`,
  ]);
  return [
    el("h3", {}, "Compiled form"),
    told.refused
      ? el("p", {}, `Not compiled: ${told.refused}. TensorFlow serves it.`)
      : [
        el("p", { class: "quiet" }, "Kept because it answers as TensorFlow does, within what is allowed."),
        table("Differences of the compiled form", ["signature", "largest difference", "rows compared", "allowed"], rows)],
  ];
}

const made = (provenance) => Object.keys(provenance).length > 0 && [
  el("h3", {}, "How it was made"),
  table("How it was made", null, Object.entries(provenance).map(([name, value]) => [el("span", { class: "quiet" }, name), value])),
];

const cost = (told) => told && told.points.length > 1 && [
  el("h3", {}, "What a batch costs"),
  costs(told.points, seconds),
  el("p", { class: "quiet" }, `${told.machine}; ${told.threads} ${told.threads === 1 ? "thread" : "threads"} a run. One row alone takes ${seconds(told.points[0][1])}.`),
];

const live = (number_, told) => el("section", {},
  el("h2", {}, `Version ${number_}`),
  el("p", { class: "quiet" }, told.max_batch_size
    ? `Up to ${told.max_batch_size} rows of several requests share a run; one request may carry ${told.max_request_rows}.`
    : "Each request runs by itself."),
  told.signatures.map(tensors), cost(told.cost), compiled(told.compiled), made(told.provenance));

async function report(place, model) {
  const addresses = [];
  for (const name of model.pictures ?? []) {
    const address = await picture(`${modelPath(model.name)}/report/${name}`);
    addresses.push(address);
    place.append(el("figure", { class: "report" }, el("img", { src: address, alt: CAPTIONS[name] }), el("figcaption", { class: "quiet" }, CAPTIONS[name])));
  }
  return () => addresses.forEach((each) => URL.revokeObjectURL(each));
}

export async function showModel(place, name) {
  const model = await json(`${modelPath(name)}/facts.json`);
  const head = el("div", {});
  const body = el("div", {});
  let before = "";
  const draw = (told) => {
    const text = JSON.stringify([told.versions, told.labels, told.live]);
    if (text === before) return;
    before = text;
    const labels = Object.entries(told.labels);
    put(head,
      el("div", { class: "title" }, el("h1", {}, name),
        told.newest !== null && el("a", { class: "button", href: `${modelPath(name)}/try` }, "Try it")),
      told.why && el("p", { class: "wrong" }, told.why),
      labels.length ? el("p", {}, "Labels: ", labels.map(([label, version]) => el("span", { class: "tensor" }, el("b", {}, label), ` ${version}`))) : "",
      versions(told));
    put(body, Object.entries(told.live).reverse().map(([version, each]) => live(version, each)));
  };
  draw(model);
  const charts = el("section", {});
  const words = el("section", { class: "about" });
  place.append(head, charts, body, words);
  const stop = liveCharts(charts, name);
  if (model.card || model.pictures?.length) words.append(el("h2", {}, "Card"));
  const figures = el("div", { class: "reports" });
  if (model.card) words.append(card(model.card));
  words.append(figures);
  let forget = () => {};
  report(figures, model).then((given) => { forget = given; }).catch(() => {});
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      draw(await json(`${modelPath(name)}/facts.json`));
    } catch { /* the banner says it, or the next look will */ }
  }, 3000);
  return () => {
    clearInterval(timer);
    stop();
    forget();
  };
}
