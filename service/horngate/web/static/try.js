// Try a model: a form made from its signature, its answer as the form changes, a second model beside
// it, and the same request as a program.

import { debounced, el, modelPath, newId, put, seconds } from "./dom.js";
import { OutputView } from "./answer.js";
import { Unfinished, makeInput, sameInput, shared } from "./inputs.js";
import { FILE, KINDS, lineOf } from "./lines.js";
import { PictureInput } from "./picture.js";
import { defaultSignature } from "./models.js";
import { Lost, ask, back, json, locked } from "./server.js";
import { reply, request } from "./tensors.js";

const SOON = 40;
const LOOK = 2000;

// One model: which version answers, and its answer. At most one request of it is in flight.
class Panel {
  constructor(facts, form) {
    this.name = facts.name;
    this.form = form;
    this.running = false;
    this.again = false;
    this.chosen = el("select", { "aria-label": `Version of ${this.name}`, onchange: () => this.choose() });
    this.signatures = el("select", { "aria-label": `Signature of ${this.name}`, onchange: () => form.remake() });
    this.state = el("p", { class: "quiet by" }, "…");
    this.wrong = el("p", { class: "wrong", role: "alert" });
    this.said = el("p", { class: "hidden", "aria-live": "polite" });
    this.body = el("div", {});
    this.node = el("article", { class: "card panel", "aria-label": `Answer of ${this.name}` },
      el("header", {}, el("h3", {}, el("a", { href: modelPath(this.name) }, this.name)), this.signatures, this.chosen),
      this.wrong, this.body, this.state, this.said);
    this.say = debounced(() => {
      const text = this.views.map((each) => each.said).filter(Boolean).join(", ");
      if (text) this.said.textContent = `${this.name}: ${text}`;
    }, 800);
    this.learn(facts);
  }

  // What is live now. A version that was chosen and is gone gives way to the newest.
  learn(facts) {
    // Between two versions, or while a server starts: what was drawn is not to be lost for that.
    if (facts.newest === null && this.facts) return;
    this.facts = facts;
    const live = Object.keys(facts.live).map(Number).sort((a, b) => b - a);
    const kept = this.chosen.value;
    const labels = Object.entries(facts.labels).reduce((all, [label, version]) => ({ ...all, [version]: [...(all[version] ?? []), label] }), {});
    put(this.chosen,
      el("option", { value: "" }, live.length ? `newest (${live[0]})` : "none is live"),
      live.map((each) => el("option", { value: String(each) }, [each, ...(labels[each] ?? [])].join(" · "))));
    this.chosen.value = live.includes(Number(kept)) ? kept : "";
    if (kept !== "" && this.chosen.value === "") this.state.textContent = `version ${kept} is no longer live; the newest answers`;
    const names = this.told.map((each) => each.name);
    const signature = this.signatures.value;
    put(this.signatures, names.map((each) => el("option", { value: each }, each)));
    this.signatures.value = names.includes(signature) ? signature : defaultSignature(this.told)?.name ?? "";
    this.signatures.hidden = names.length < 2;
  }

  get version() {
    return this.chosen.value === "" ? null : Number(this.chosen.value);
  }

  get told() {
    return this.facts.live[this.version ?? this.facts.newest]?.signatures ?? this.facts.signatures;
  }

  get signature() {
    return this.told.find((each) => each.name === this.signatures.value) ?? defaultSignature(this.told);
  }

  choose() {
    this.form.remake();
  }

  // New outputs to show, where they are not those that are shown.
  remake() {
    const outputs = JSON.stringify(this.signature?.outputs ?? []);
    if (outputs === this.shown) return;
    this.shown = outputs;
    this.views = (this.signature?.outputs ?? []).map((spec) => new OutputView(spec));
    put(this.body, this.views.map((each) => each.node));
  }

  async ask() {
    if (this.running) {
      this.again = true;
      return;
    }
    if (!this.signature) return;
    this.running = true;
    this.busy(true);
    try {
      const tensors = this.form.tensors(this.signature.inputs);
      const parameters = this.signature.name === "serving_default" ? {} : { signature_name: this.signature.name };
      const { body, head } = request(tensors, parameters);
      const place = this.version === null ? "" : `/versions/${this.version}`;
      const started = performance.now();
      const answer = await reply(await ask(`/v2${modelPath(this.name)}${place}/infer`, {
        method: "POST", body,
        headers: { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(head) },
      }));
      const took = (performance.now() - started) / 1000;
      this.show(answer, took);
    } catch (error) {
      if (!(error instanceof Unfinished)) {
        this.wrong.textContent = error instanceof Lost ? "Waiting for the server …" : error.message;
        this.node.classList.add("stale");
      }
    } finally {
      this.running = false;
      if (this.again) {
        this.again = false;
        this.ask();
      } else this.busy(false);
    }
  }

  busy(is) {
    this.node.setAttribute("aria-busy", String(is));
  }

  show({ version, outputs }, took) {
    this.wrong.textContent = "";
    this.node.classList.remove("stale");
    for (const view of this.views) {
      const output = outputs.find((each) => each.name === view.spec.name);
      if (output) view.show(output);
    }
    const engine = this.facts.live[version]?.engine;
    this.state.textContent = `version ${version}${engine ? ` on ${engine}` : ""} · ${seconds(took)}`;
    this.node.dataset.version = version;
    this.say();
    if (!engine) this.form.look();
  }
}

class Form {
  constructor(place) {
    this.panels = [];
    this.inputs = new Map();
    this.soon = debounced(() => this.ask(), SOON);
    this.linesSoon = debounced(() => this.writeLine(), 300);
    this.fields = el("div", { class: "fields" });
    this.starts = el("div", { class: "starts" });
    this.answers = el("div", { class: "answers" });
    this.lines = this.makeLines();
    place.append(el("div", { class: "bench" },
      el("section", { class: "ask", "aria-label": "Input" }, this.starts, this.fields),
      el("section", { class: "tell", "aria-label": "Answers" }, this.answers)), this.lines);
    this.changed = () => {
      for (const panel of this.panels) panel.busy(true);
      this.code.setAttribute("aria-busy", "true");
      this.soon();
      this.linesSoon();
    };
  }

  // Fields for the inputs of every model, each once where they share it; what is there stays.
  remake() {
    const kept = new Map();
    for (const panel of this.panels) {
      panel.remake();
      for (const spec of panel.signature?.inputs ?? []) {
        const key = sameInput(spec);
        kept.set(key, kept.get(key) ?? this.inputs.get(key) ?? makeInput(spec, this.changed));
      }
    }
    const same = kept.size === this.inputs.size && [...kept.keys()].every((key) => this.inputs.has(key));
    this.inputs = kept;
    if (!same || !this.fields.children.length) {
      const pictures = (input) => Number(input instanceof PictureInput);
      put(this.fields, [...kept.values()].sort((a, b) => pictures(b) - pictures(a)).map((each) => each.node));
    }
    this.changed();
  }

  tensors(specs) {
    return specs.map((spec) => {
      const input = this.inputs.get(sameInput(spec));
      return input instanceof PictureInput ? input.tensor(spec) : input.tensor();
    });
  }

  ask() {
    for (const panel of this.panels) panel.ask();
  }

  async look() {
    for (const panel of this.panels) {
      const facts = await json(`${modelPath(panel.name)}/facts.json`);
      const before = JSON.stringify([panel.signature, panel.version, panel.facts.newest]);
      panel.learn(facts);
      if (JSON.stringify([panel.signature, panel.version, panel.facts.newest]) !== before) this.remake();
    }
  }

  // Samples of the first model, a button each, and goldens: in a list where there are samples.
  async offer() {
    const [panel] = this.panels;
    const version = panel.version ?? panel.facts.newest;
    const found = (await json(`${modelPath(panel.name)}/versions/${version}/starts.json`))[panel.signature.name] ?? [];
    if (!found.length) return;
    const samples = found.filter((start) => start.kind === "sample");
    const goldens = found.filter((start) => start.kind !== "sample");
    const list = el("select", { "aria-label": "Start from a golden", onchange: () => {
      if (list.value !== "") this.start(goldens[Number(list.value)]);
      list.value = "";
    } }, el("option", { value: "" }, "golden …"), goldens.map((start, index) => el("option", { value: String(index) }, start.title)));
    put(this.starts, el("span", { class: "quiet", id: "starts" }, "start from"),
      el("div", { role: "group", "aria-labelledby": "starts", class: "chips" },
        (samples.length ? samples : goldens).map((start) => el("button", { type: "button", onclick: () => this.start(start) }, start.title)),
        samples.length > 0 && goldens.length > 0 && list));
  }

  async start({ inputs }) {
    const [panel] = this.panels;
    for (const spec of panel.signature.inputs) {
      if (inputs[spec.name]) await this.inputs.get(sameInput(spec))?.set(inputs[spec.name]);
    }
  }

  makeLines() {
    this.kind = KINDS[0];
    this.of = el("select", { "aria-label": "Model of the line", hidden: true, onchange: () => this.writeLine() });
    this.code = el("code", { id: "line" });
    this.save = el("a", { class: "like-button", download: FILE, hidden: true }, `save ${FILE}`);
    this.needs = el("p", { class: "quiet" });
    const copied = el("span", { class: "quiet", role: "status" });
    const name = newId("kind");
    return el("section", { class: "lines", "aria-label": "The same line elsewhere" },
      el("h2", {}, "The same line elsewhere"),
      el("div", { class: "presets" },
        el("div", { class: "kinds", role: "radiogroup", "aria-label": "Kind of line" }, KINDS.map((kind, index) =>
          el("label", {}, el("input", { type: "radio", name, value: kind, checked: index === 0, onchange: () => {
            this.kind = kind;
            this.writeLine();
          } }), el("span", {}, kind)))),
        this.of,
        el("button", { type: "button", id: "copy", onclick: async () => {
          try {
            await navigator.clipboard.writeText(this.code.textContent);
          } catch {
            getSelection().selectAllChildren(this.code);
            document.execCommand("copy");
          }
          copied.textContent = "copied";
          setTimeout(() => { copied.textContent = ""; }, 1500);
        } }, "copy"), copied, this.save),
      this.needs,
      el("pre", { tabIndex: 0, role: "region", "aria-label": "The line" }, this.code));
  }

  writeLine() {
    const panel = this.panels.find((each) => each.name === this.of.value) ?? this.panels[0];
    if (!panel?.signature) return;
    let line;
    try {
      line = lineOf(this.kind, {
        origin: location.origin, host: location.hostname, grpcPort: this.grpcPort,
        tls: location.protocol === "https:", token: locked(), model: panel.name, version: panel.version,
        signature: panel.signature.name, tensors: this.tensors(panel.signature.inputs),
      });
    } catch (error) {
      if (error instanceof Unfinished) return;
      throw error;
    }
    this.code.textContent = line.code;
    this.code.setAttribute("aria-busy", "false");
    this.save.hidden = !line.needsFile;
    if (this.save.href) URL.revokeObjectURL(this.save.href);
    if (line.needsFile) this.save.href = URL.createObjectURL(new Blob([line.body]));
    else this.save.removeAttribute("href");
    this.needs.textContent = [
      line.needsFile && `The input is large: save it as ${FILE} first, beside where this runs.`,
      locked() && "HORNGATE_TOKEN holds your token.",
    ].filter(Boolean).join(" ");
  }
}

export async function showTry(place, name, query) {
  const [facts, all] = await Promise.all([json(`${modelPath(name)}/facts.json`), json("/models.json")]);
  if (facts.newest === null) throw new Error(`${name} has no live version: ${facts.why}`);
  const second = el("select", { id: "second" });
  place.append(
    el("div", { class: "title" }, el("h1", {}, "Try ", el("a", { href: modelPath(name) }, name)),
      el("label", { class: "beside" }, el("span", { class: "quiet" }, "beside"), second)));
  const form = new Form(place);
  form.grpcPort = all.server.grpc_port;
  form.panels = [new Panel(facts, form)];
  await form.offer().catch(() => {}); // before the paper is there: it would move under the hand
  const others = all.models.filter((each) => each.name !== name && each.newest !== null);
  const ours = defaultSignature(facts.signatures).inputs;
  const shares = (each) => defaultSignature(each.signatures).inputs.some((spec) => shared(spec, ours));
  put(second, el("option", { value: "" }, "no other model"), others.map((each) =>
    el("option", { value: each.name }, shares(each) ? `${each.name} (shares an input)` : each.name)));

  const arrange = () => {
    put(form.answers, form.panels.map((each) => each.node));
    put(form.of, form.panels.map((each) => el("option", { value: each.name }, each.name)));
    form.of.hidden = form.panels.length < 2;
    form.remake();
  };
  const choose = async () => {
    const other = second.value ? await json(`${modelPath(second.value)}/facts.json`) : null;
    form.panels = other ? [form.panels[0], new Panel(other, form)] : [form.panels[0]];
    history.replaceState(null, "", other ? `?with=${encodeURIComponent(other.name)}` : location.pathname);
    arrange();
  };
  second.addEventListener("change", () => choose().catch(() => {}));
  const asked = query.get("with");
  if (others.some((each) => each.name === asked)) {
    second.value = asked;
    await choose();
  } else arrange();
  const quiet = () => document.hidden || form.look().catch(() => {});
  const timer = setInterval(quiet, LOOK);
  const again = () => {
    quiet();
    form.ask();
  };
  back.addEventListener("back", again);
  return () => {
    clearInterval(timer);
    back.removeEventListener("back", again);
    form.panels = [];
  };
}
