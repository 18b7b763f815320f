// A form made from a signature: for each input what one can set it with, and the tensor that comes
// of it. An input that two models share is one.

import { debounced, el, newId, put } from "./dom.js";
import { PictureInput } from "./picture.js";

const SHORT = 32;
const CELLS = 400;

export const isPicture = (spec) =>
  spec.picture !== null ||
  (spec.shape?.length === 4 && [1, 3].includes(spec.shape[3]) && /^(float|u?int)/.test(spec.dtype));

const key = (spec) => JSON.stringify([spec.name, spec.dtype, spec.shape]);
export const shared = (spec, specs) => specs.some((each) => key(each) === key(spec));
export const sameInput = (spec) => key(spec);

const product = (shape) => shape.reduce((size, each) => size * each, 1);
const whole = (spec) => /int/.test(spec.dtype);

// The shape of one row, 1 wherever it is free; `open` where more than the rows are.
function oneRow(spec) {
  const shape = spec.shape.map((size) => size ?? 1);
  return { shape, size: product(shape), open: spec.shape.slice(1).includes(null) };
}

class Field {
  constructor(spec, changed) {
    this.spec = spec;
    this.changed = changed;
    this.id = newId("input");
    this.node = el("fieldset", { class: "input" }, el("legend", {}, spec.name, " ", el("code", {}, spec.text)));
  }

  tensor() {
    return { name: this.spec.name, datatype: this.spec.datatype, ...this.read() };
  }
}

class Texts extends Field {
  constructor(spec, changed) {
    super(spec, changed);
    this.shape = oneRow(spec).shape;
    this.fields = Array.from({ length: Math.min(product(this.shape), SHORT) }, (_, index) =>
      el("textarea", { rows: 3, "aria-label": `${spec.name}${index ? ` ${index + 1}` : ""}`, oninput: changed, placeholder: "Type here" }));
    this.node.append(...this.fields);
  }

  read() {
    return { shape: this.shape, values: this.fields.map((field) => field.value) };
  }

  set({ values }) {
    this.fields.forEach((field, index) => { field.value = values[index] ?? ""; });
    this.changed();
  }
}

class Sliders extends Field {
  constructor(spec, changed) {
    super(spec, changed);
    const { shape, size } = oneRow(spec);
    this.shape = shape;
    this.values = Array(size).fill(1 / size);
    const soon = debounced(() => this.draw(), 0);
    this.rows = this.values.map((_, index) => {
      const slide = el("input", { type: "range", min: "0", max: "1", step: "any", "aria-label": `${spec.name} ${index}` });
      const exact = el("input", { type: "number", step: "any", "aria-label": `${spec.name} ${index}, exactly` });
      const take = (from) => () => {
        if (from.value === "" || !Number.isFinite(Number(from.value))) return;
        this.values[index] = Number(from.value);
        soon();
        changed();
      };
      slide.addEventListener("input", take(slide));
      exact.addEventListener("change", take(exact));
      return [slide, exact, el("div", { class: "slider" }, el("span", { class: "label" }, String(index)), slide, exact)];
    });
    const at = el("select", { "aria-label": "One-hot at", onchange: () => {
      if (at.value === "") return;
      this.set({ values: this.values.map((_, index) => (index === Number(at.value) ? 1 : 0)) });
      at.value = "";
    } }, el("option", { value: "" }, "one-hot …"), this.values.map((_, index) => el("option", { value: String(index) }, `one-hot at ${index}`)));
    this.node.append(
      el("div", { class: "presets" },
        el("button", { type: "button", onclick: () => this.set({ values: Array(size).fill(1 / size) }) }, "uniform"),
        el("button", { type: "button", onclick: () => this.set({ values: Array(size).fill(0) }) }, "zeros"), at),
      el("div", { class: "sliders" }, this.rows.map(([, , row]) => row)));
    this.draw();
  }

  draw() {
    const low = Math.min(0, ...this.values);
    const high = Math.max(1, ...this.values);
    this.rows.forEach(([slide, exact], index) => {
      slide.min = String(low);
      slide.max = String(high);
      if (Number(slide.value) !== this.values[index]) slide.value = String(this.values[index]);
      if (document.activeElement !== exact) exact.value = String(Number(this.values[index].toPrecision(6)));
    });
  }

  read() {
    return { shape: this.shape, values: [...this.values] };
  }

  set({ values }) {
    this.values = this.values.map((_, index) => values[index] ?? 0);
    this.draw();
    this.changed();
  }
}

class Table extends Field {
  constructor(spec, changed) {
    super(spec, changed);
    const { shape, size } = oneRow(spec);
    this.shape = shape;
    const columns = Math.min(shape.length > 1 ? shape.at(-1) : 1, size);
    this.truth = spec.dtype === "bool";
    this.fields = Array.from({ length: size }, (_, index) => {
      const label = size === 1 ? spec.name : `${spec.name} ${Math.floor(index / columns)}, ${index % columns}`;
      return this.truth
        ? el("input", { type: "checkbox", "aria-label": label, onchange: changed })
        : el("input", { type: "number", step: whole(spec) ? "1" : "any", value: "0", "aria-label": label, oninput: changed });
    });
    const rows = [];
    for (let from = 0; from < size; from += columns) rows.push(this.fields.slice(from, from + columns));
    this.node.append(el("div", { class: "scroll cells", tabIndex: 0, role: "region", "aria-label": `Values of ${spec.name}` },
      el("table", {}, el("tbody", {}, rows.map((row) => el("tr", {}, row.map((field) => el("td", {}, field))))))));
  }

  read() {
    return { shape: this.shape, values: this.fields.map((field) => (this.truth ? field.checked : Number(field.value))) };
  }

  set({ values }) {
    this.fields.forEach((field, index) => {
      if (this.truth) field.checked = Boolean(values[index]);
      else field.value = String(values[index] ?? 0);
    });
    this.changed();
  }
}

// Anything else: nested lists, as JSON has them, whose lengths are the shape.
class Lists extends Field {
  constructor(spec, changed) {
    super(spec, changed);
    this.wrong = el("p", { class: "wrong", role: "alert" });
    this.text = el("textarea", { rows: 5, class: "code", spellcheck: "false", "aria-label": `${spec.name}, nested lists`, oninput: changed });
    this.text.value = spec.shape === null ? "[0]" : JSON.stringify(nested(Array(oneRow(spec).size).fill(this.zero), oneRow(spec).shape));
    this.node.append(this.text, el("p", { class: "quiet" }, "Nested lists of values; their lengths are the shape."), this.wrong);
  }

  get zero() {
    return this.spec.dtype === "string" ? "" : this.spec.dtype === "bool" ? false : 0;
  }

  read() {
    this.wrong.textContent = "";
    try {
      const value = JSON.parse(this.text.value);
      const shape = [];
      for (let level = value; Array.isArray(level); level = level[0]) shape.push(level.length);
      const values = [value].flat(Infinity);
      if (values.length !== product(shape)) throw new Error("the lists are of unequal lengths");
      return { shape, values };
    } catch (error) {
      this.wrong.textContent = `Expected nested lists: ${error.message}`;
      throw new Unfinished();
    }
  }

  set({ values, shape }) {
    this.text.value = JSON.stringify(nested(values, shape));
    this.changed();
  }
}

export class Unfinished extends Error {}

function nested(values, shape) {
  if (shape.length === 0) return values[0];
  let level = values;
  for (const size of shape.slice(1).reverse()) {
    const groups = [];
    for (let at = 0; at < level.length; at += size) groups.push(level.slice(at, at + size));
    level = groups;
  }
  return level;
}

export function makeInput(spec, changed) {
  if (spec.datatype === null) return new Refusing(spec);
  if (isPicture(spec)) return new PictureInput(spec, changed);
  if (spec.shape === null) return new Lists(spec, changed);
  const { shape, size, open } = oneRow(spec);
  if (open || size > CELLS) return new Lists(spec, changed);
  if (spec.dtype === "string") return size <= SHORT ? new Texts(spec, changed) : new Lists(spec, changed);
  if (/float/.test(spec.dtype) && size > 1 && size <= SHORT && shape.length <= 2) return new Sliders(spec, changed);
  return new Table(spec, changed);
}

class Refusing extends Field {
  constructor(spec) {
    super(spec, () => {});
    put(this.node, el("legend", {}, spec.name), el("p", { class: "wrong" }, `${spec.text} cannot be sent from a browser; ask over gRPC.`));
  }

  read() {
    throw new Unfinished();
  }

  set() {}
}

