// What is asked of the server: by fetch, with the token that was typed, which lives in this module
// alone: never in storage, never in an address. A server that is lost is asked for until it is back.

import { byId } from "./dom.js";

let token = "";
let asking = null;
let lost = false;
const RETRY = 1500;
export const back = new EventTarget();

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Lost extends Error {}

// Ask for a token until the server knows it. One dialog, whoever waits for it.
function askToken() {
  asking ??= new Promise((resolve) => {
    const door = byId("door");
    const form = door.querySelector("form");
    const field = byId("token");
    const wrong = byId("door-wrong");
    door.addEventListener("cancel", (event) => event.preventDefault());
    form.onsubmit = async (event) => {
      event.preventDefault();
      const typed = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(typed)) {
        wrong.textContent = "A token is letters, digits and signs without spaces.";
        return;
      }
      let reply;
      try {
        reply = await fetch("/models.json", { headers: { Authorization: `Bearer ${typed}` } });
      } catch {
        wrong.textContent = "The server does not answer; try again.";
        return;
      }
      field.value = "";
      if (reply.status === 401) {
        wrong.textContent = "This server does not know that token. Ask whoever runs it.";
        field.focus();
        return;
      }
      token = typed;
      wrong.textContent = "";
      door.close();
      asking = null;
      resolve();
    };
    door.showModal();
  });
  return asking;
}

function lose() {
  if (lost) return;
  lost = true;
  const banner = byId("banner");
  banner.textContent = "The server does not answer. Trying again …";
  banner.hidden = false;
  const again = async () => {
    try {
      await fetch("/healthz", { cache: "no-store" });
    } catch {
      setTimeout(again, RETRY);
      return;
    }
    lost = false;
    banner.hidden = true;
    back.dispatchEvent(new Event("back"));
  };
  setTimeout(again, RETRY);
}

async function answer(path, options) {
  for (;;) {
    const headers = { ...options.headers };
    if (token) headers.Authorization = `Bearer ${token}`;
    let reply;
    try {
      reply = await fetch(path, { ...options, headers, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      lose();
      throw new Lost("the server does not answer");
    }
    if (reply.status !== 401) return reply;
    token = "";
    await askToken();
  }
}

export async function checked(reply) {
  if (reply.ok) return reply;
  let told = `the server answered ${reply.status}`;
  try {
    told = JSON.parse(await reply.text()).error ?? told;
  } catch { /* it is no JSON: the status says enough */ }
  throw new Refused(reply.status, told);
}

export const ask = async (path, options = {}) => checked(await answer(path, options));
export const json = async (path) => (await ask(path)).json();
export const locked = () => token !== "";

// An image of the server as an address of this tab's, since <img> sends no token.
export const picture = async (path) => URL.createObjectURL(await (await ask(path)).blob());

// A button-less link to what a token is needed for: opened by fetch, in a tab of its own.
export async function openPlain(path) {
  const text = await (await ask(path)).blob();
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain; charset=utf-8" }));
  window.open(address, "_blank", "noopener");
}
