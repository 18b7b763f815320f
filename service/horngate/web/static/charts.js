// Small charts as SVG. Each has its figures as text too, for whoever does not see it.

import { el, newId, svg } from "./dom.js";

const WIDTH = 320;
const HEIGHT = 96;
const PAD = 6;

const path = (points) => {
  let drawn = "";
  let down = false;
  for (const point of points) {
    if (point === null) {
      down = false;
      continue;
    }
    drawn += `${down ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    down = true;
  }
  return drawn;
};

// Lines over the same places: `series` is [{name, values}], null where nothing can be said.
export function lines(title, series, told, { most = 0 } = {}) {
  const known = series.flatMap((each) => each.values.filter((value) => value !== null));
  const top = Math.max(most, ...known, 1e-12) * 1.08;
  const count = Math.max(...series.map((each) => each.values.length), 2);
  const place = (value, index) => [
    PAD + ((WIDTH - 2 * PAD) * index) / (count - 1),
    HEIGHT - PAD - ((HEIGHT - 2 * PAD) * value) / top,
  ];
  const last = series.map((each) => {
    const value = each.values.findLast((one) => one !== null);
    return [each.name, value === undefined ? "–" : told(value)];
  });
  const summary = `${title}: ${last.map(([name, value]) => (name ? `${name} ${value}` : value)).join(", ")}; at most ${known.length ? told(Math.max(...known)) : "–"}`;
  return el("figure", { class: "chart" },
    el("figcaption", {}, el("span", { class: "quiet" }, title),
      last.map(([name, value], index) =>
        el("span", { class: `figure line-${index}` }, name && el("i", {}, `${name} `), value))),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": summary, preserveAspectRatio: "none" },
      svg("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT - PAD, y2: HEIGHT - PAD }),
      series.map((each, index) =>
        svg("path", {
          class: `line line-${index}`,
          d: path(each.values.map((value, at) => (value === null ? null : place(value, at)))),
        }))));
}

// What a batch costs: both axes by their logarithms, since rows double.
export function costs(points, told) {
  const rows = points.map(([number]) => Math.log2(number));
  const each = points.map(([number, time]) => Math.log(time / number));
  const [low, high] = [Math.min(...each), Math.max(...each)];
  const width = Math.max(1, rows.at(-1) - rows[0]);
  const placed = points.map((_, index) => [
    24 + ((WIDTH - 48) * (rows[index] - rows[0])) / width,
    14 + ((HEIGHT - 34) * (high - each[index])) / Math.max(1e-9, high - low),
  ]);
  const label = newId("cost");
  return el("figure", { class: "chart wide" },
    el("figcaption", { id: label }, el("span", { class: "quiet" }, "time of one row, by the rows of a batch")),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": label },
      svg("path", { class: "line line-0", d: path(placed) }),
      placed.map(([x, y], index) => [
        svg("circle", { class: "dot", cx: x, cy: y, r: 2.5 }),
        svg("text", { x, y: HEIGHT - 2, "text-anchor": "middle" }, String(points[index][0])),
        (index === 0 || index === placed.length - 1) &&
          svg("text", { x, y: y - 6, "text-anchor": "middle" }, told(points[index][1] / points[index][0])),
      ].filter(Boolean))));
}
