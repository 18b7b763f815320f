// The last quarter of an hour, asked for while somebody looks.

import { el, modelPath, seconds } from "./dom.js";
import { lines } from "./charts.js";
import { json } from "./server.js";

const mebibytes = (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`;
const rate = (value) => `${Number(value.toPrecision(3))}/s`;
// A young server's charts begin with three minutes and grow to all that is kept.
const LEAST = 36;
const filled = (values) => [...Array(Math.max(0, LEAST - values.length)).fill(null), ...values];

function block(series) {
  const of = (figure) => filled(series[figure]);
  return [
    lines("requests", [{ name: "", values: of("requests") }], rate, { most: 1 }),
    lines("errors", [{ name: "", values: of("errors") }], rate, { most: 1 }),
    lines("latency", [{ name: "p50", values: of("p50") }, { name: "p99", values: of("p99") }], seconds),
    lines("wait in the queue", [{ name: "", values: of("wait") }], seconds),
    lines("rows a batch", [{ name: "", values: of("rows") }], (value) => String(Number(value.toPrecision(3))), { most: 4 }),
  ];
}

// Charts of one model by version, or of all together and by version where `model` is null.
export function liveCharts(place, model) {
  const body = el("div", {});
  place.append(el("h2", {}, "Live"),
    el("p", { class: "quiet" }, "The last 15 minutes, from the server's own counters."), body);
  const draw = async () => {
    const told = await json(model === null ? "/live.json" : `${modelPath(model)}/live.json`);
    const memory = lines("memory of the process", [{ name: "", values: filled(told.memory) }], mebibytes, { most: 2 ** 28 });
    if (!told.series.length) {
      body.replaceChildren(el("p", { class: "quiet" }, "No request yet."), el("div", { class: "charts" }, memory));
      return;
    }
    body.replaceChildren(...told.series.map((series) => {
      const whole = series.model === "";
      return el("div", {},
        el("h3", {}, whole ? "All models" : model === null ? `${series.model} · version ${series.version}` : `Version ${series.version}`),
        el("div", { class: "charts" }, block(series), (whole || (model !== null && told.series.length === 1)) && memory));
    }));
  };
  const quiet = () => document.hidden || draw().catch(() => {});
  quiet();
  const timer = setInterval(quiet, 5000);
  return () => clearInterval(timer);
}
