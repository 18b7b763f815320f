// A picture: drawn, dropped, chosen or taken, and the tensor that the model takes of it.
//
// A file is sent as it is where the version takes encoded pictures, so that the server prepares it
// as it does anybody's. Else, and for what is drawn, the pixels are sent, averaged to the model's size.

import { el, newId } from "./dom.js";

const SIDE = 280;
const FREE = 224;
const ENCODED = ["image/jpeg", "image/png"];

// What black and white become: as recorded, else assumed by the dtype.
export const rangeOf = (spec) =>
  spec.picture ? [spec.picture.low, spec.picture.high] : /int/.test(spec.dtype) ? [0, 255] : [0, 1];

function sizeOf(spec) {
  const { picture, shape } = spec;
  return picture
    ? { height: picture.height, width: picture.width, channels: picture.channels, first: picture.channels_first }
    : { height: shape[1], width: shape[2], channels: shape[3], first: false };
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export class PictureInput {
  constructor(spec, changed) {
    this.spec = spec;
    this.changed = changed;
    const { height, width, channels } = sizeOf(spec);
    this.channels = channels;
    this.height = height ?? FREE;
    this.width = width ?? FREE;
    this.scale = Math.max(1, Math.round(SIDE / Math.max(this.height, this.width)));
    // A file's bytes, or a tensor exactly as it was recorded, until something is drawn over it.
    this.encoded = null;
    this.exact = null;
    this.canvas = el("canvas", { class: "paper", "aria-label": `${spec.name}: draw here with a pointer, or choose a file or a sample`, role: "img" });
    this.canvas.width = this.width * this.scale;
    this.canvas.height = this.height * this.scale;
    this.ink = this.canvas.getContext("2d", { willReadFrequently: true });
    const low = rangeOf(spec);
    this.note = el("p", { class: "quiet" }, spec.picture
      ? `Black is ${low[0]}, white is ${low[1]}, as the version says.`
      : `Black is ${low[0]}, white is ${low[1]}: assumed, since the version does not say.`);
    this.brush = el("input", { type: "range", min: "1", max: "40", value: "9", "aria-label": "Width of the brush" });
    this.colour = channels === 3 ? el("input", { type: "color", value: "#ffffff", "aria-label": "Colour" }) : null;
    this.file = el("input", { type: "file", accept: "image/*", class: "hidden", id: newId("file"), "aria-label": `A picture for ${spec.name}`, onchange: () => this.file.files[0] && this.take(this.file.files[0]) });
    this.wrong = el("p", { class: "wrong", role: "alert" });
    this.film = el("div", { class: "film" });
    this.node = el("fieldset", { class: "input" },
      el("legend", {}, spec.name, " ", el("code", {}, spec.text)),
      this.canvas,
      el("div", { class: "presets" },
        el("button", { type: "button", onclick: () => this.clear() }, "clear"),
        el("label", { class: "like-button", for: this.file.id }, "file …"), this.file,
        navigator.mediaDevices?.getUserMedia && el("button", { type: "button", onclick: () => this.shoot() }, "camera"),
        el("label", { class: "brush" }, el("span", { class: "quiet" }, "brush"), this.brush), this.colour),
      this.film, this.wrong, this.note);
    this.listen();
    this.blank();
  }

  listen() {
    const { canvas, ink } = this;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
    };
    let last = null;
    const stroke = (event) => {
      for (const each of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) {
        const next = place(each);
        ink.strokeStyle = this.colour?.value ?? "#fff";
        ink.lineWidth = (Number(this.brush.value) * Math.max(canvas.width, canvas.height)) / 125;
        ink.lineCap = ink.lineJoin = "round";
        ink.beginPath();
        ink.moveTo(...last);
        ink.lineTo(...next);
        ink.stroke();
        last = next;
      }
      this.drawn();
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      last = place(event);
      stroke(event);
    });
    canvas.addEventListener("pointermove", (event) => last && stroke(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    for (const over of ["dragover", "drop"]) {
      this.node.addEventListener(over, (event) => {
        event.preventDefault();
        this.node.classList.toggle("over", over === "dragover");
        if (over === "drop" && event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0]);
      });
    }
    this.node.addEventListener("dragleave", () => this.node.classList.remove("over"));
  }

  drawn() {
    this.encoded = this.exact = null;
    this.wrong.textContent = "";
    this.changed();
  }

  blank() {
    this.ink.fillStyle = "#000";
    this.ink.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  clear() {
    this.blank();
    this.drawn();
  }

  async take(file) {
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      await this.paint(file);
      this.encoded = ENCODED.includes(file.type) ? bytes : null;
      this.exact = null;
      this.wrong.textContent = "";
      this.changed();
    } catch {
      this.wrong.textContent = `${file.name} is no picture that this browser can read.`;
    }
    this.file.value = "";
  }

  // Stretched to the model's size, as the server stretches it.
  async paint(blob) {
    const bitmap = await createImageBitmap(blob);
    this.blank();
    this.ink.imageSmoothingEnabled = bitmap.width > this.width || bitmap.height > this.height;
    this.ink.imageSmoothingQuality = "high";
    this.ink.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
    bitmap.close();
  }

  async shoot() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      this.wrong.textContent = `The browser gives no camera: ${error.message}`;
      return;
    }
    const film = el("video", { playsInline: true, muted: true, autoplay: true, "aria-label": "What the camera sees" });
    film.srcObject = stream;
    const end = () => {
      stream.getTracks().forEach((track) => track.stop());
      this.film.replaceChildren();
    };
    this.film.replaceChildren(film, el("button", { type: "button", onclick: () => {
      this.ink.imageSmoothingEnabled = true;
      this.ink.drawImage(film, 0, 0, this.canvas.width, this.canvas.height);
      end();
      this.drawn();
    } }, "take the picture"), el("button", { type: "button", onclick: end }, "close"));
  }

  async set(start) {
    if (start.picture) {
      const bytes = fromBase64(start.picture);
      await this.paint(new Blob([bytes]));
      this.encoded = bytes;
      this.exact = null;
    } else {
      this.exact = { shape: start.shape, values: start.values };
      this.encoded = null;
      this.show(start);
    }
    this.wrong.textContent = "";
    this.changed();
  }

  // The pixels of a recorded tensor.
  show({ shape, values }) {
    const first = sizeOf(this.spec).first;
    const [height, width] = first ? shape.slice(2) : shape.slice(1, 3);
    const [low, high] = rangeOf(this.spec);
    const pixels = new ImageData(width, height);
    const each = (y, x, c) => values[first ? (c * height + y) * width + x : (y * width + x) * this.channels + c];
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        for (let c = 0; c < 3; c += 1) {
          const value = each(y, x, this.channels === 1 ? 0 : c);
          pixels.data[(y * width + x) * 4 + c] = (255 * (value - low)) / (high - low);
        }
        pixels.data[(y * width + x) * 4 + 3] = 255;
      }
    }
    const small = new OffscreenCanvas(width, height);
    small.getContext("2d").putImageData(pixels, 0, 0);
    this.ink.imageSmoothingEnabled = false;
    this.ink.drawImage(small, 0, 0, this.canvas.width, this.canvas.height);
  }

  // For the model whose input is `spec`; two that share this one may have recorded different things.
  tensor(spec = this.spec) {
    const { name, datatype } = spec;
    if (this.exact) return { name, datatype, ...this.exact };
    if (this.encoded && spec.picture) return { name, datatype: "BYTES", shape: [1], picture: this.encoded };
    const { channels, first } = sizeOf(spec);
    const [low, high] = rangeOf(spec);
    const grey = this.pixels(channels);
    const values = new Array(grey.length);
    const area = this.height * this.width;
    for (let at = 0; at < area; at += 1) {
      for (let c = 0; c < channels; c += 1) {
        const value = low + (grey[at * channels + c] / 255) * (high - low);
        values[first ? c * area + at : at * channels + c] = /int/.test(spec.dtype) ? Math.round(value) : Math.fround(value);
      }
    }
    const shape = first ? [1, channels, this.height, this.width] : [1, this.height, this.width, channels];
    return { name, datatype, shape, values };
  }

  // Means of the canvas' pixels, 0 to 255, row by row.
  pixels(channels) {
    const { scale, width, height } = this;
    const { data } = this.ink.getImageData(0, 0, this.canvas.width, this.canvas.height);
    const means = new Float64Array(width * height * channels);
    for (let y = 0; y < this.canvas.height; y += 1) {
      for (let x = 0; x < this.canvas.width; x += 1) {
        const from = (y * this.canvas.width + x) * 4;
        const at = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels;
        if (channels === 1) means[at] += 0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2];
        else for (let c = 0; c < 3; c += 1) means[at + c] += data[from + c];
      }
    }
    return means.map((sum) => sum / (scale * scale));
  }
}
