// What a model answered: bars where an output's values are shares of classes, else numbers.

import { el, number, put } from "./dom.js";

const MOST_BARS = 12;
const MOST_NUMBERS = 64;
const percent = (value) => `${(value * 100).toFixed(1)} %`;

// How an output is shown, by what is recorded of it. Nothing is guessed from values.
export const shownAs = (spec) => {
  if (spec.activation === "softmax") return "classes";
  if (spec.activation === "sigmoid") return "bars";
  return spec.activation === "" && spec.labels.length ? "classes" : "numbers";
};

const named = (spec, index) => spec.labels[index] ?? String(index);

function bars(place, spec, values, winner) {
  const order = values.map((_, index) => index);
  const many = values.length > MOST_BARS;
  if (many) order.sort((a, b) => values[b] - values[a]).splice(10);
  const best = values.indexOf(Math.max(...values));
  const shares = values.every((value) => value >= 0 && value <= 1.0001);
  const top = shares ? 1 : Math.max(...values.map(Math.abs), 1e-9);
  if (place.children.length !== order.length || many) {
    put(place, order.map(() => el("li", {}, el("span", { class: "label" }), el("span", { class: "bar", "aria-hidden": "true" }, el("i")), el("span", { class: "share" }))));
  }
  order.forEach((index, at) => {
    const [label, bar, share] = place.children[at].children;
    label.textContent = named(spec, index);
    bar.firstChild.style.width = `${Math.max(0, Math.min(1, values[index] / top)) * 100}%`;
    share.textContent = shares ? percent(values[index]) : number(values[index]);
    place.children[at].classList.toggle("best", winner && index === best);
  });
  return best;
}

export class OutputView {
  constructor(spec) {
    this.spec = spec;
    this.kind = shownAs(spec);
    this.winner = el("p", { class: "winner" });
    this.body = this.kind === "numbers" ? el("div", { class: "numbers" }) : el("ol", { class: "bars" });
    this.node = el("section", { class: "output", "aria-label": `Output ${spec.name}` },
      el("h4", {}, spec.name, " ", el("code", {}, spec.text)),
      this.kind === "classes" && this.winner, this.body);
  }

  show({ values, shape }) {
    if (this.kind !== "numbers" && values.length > 0 && typeof values[0] === "number") {
      const best = bars(this.body, this.spec, values, this.kind === "classes");
      put(this.winner, el("b", {}, named(this.spec, best)),
        values[best] >= 0 && values[best] <= 1.0001 ? el("span", {}, percent(values[best])) : null);
      return;
    }
    const few = values.slice(0, MOST_NUMBERS);
    const labelled = this.spec.labels.length > 0;
    put(this.body,
      few.map((value, index) => el("span", { class: "value" },
        (labelled || few.length > 1) && el("i", {}, named(this.spec, index)),
        typeof value === "number" ? number(value) : String(value))),
      values.length > few.length && el("p", { class: "quiet" }, `the first ${few.length} of ${values.length} values, shape [${shape.join(", ")}]`));
  }

  // In one line, for whoever listens.
  get said() {
    return this.kind === "classes" ? this.winner.textContent : "";
  }
}
