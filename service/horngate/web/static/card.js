// A model's card: the part of Markdown that cards use, made into elements. HTML in it is text, and
// an address is a link only where it is http or https.

import { el } from "./dom.js";

const INLINE = /(`[^`]+`)|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|!?\[([^\]]*)\]\(([^()\s]*)\)/g;

const safe = (address) => /^https?:\/\//i.test(address);

function inline(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(from, found.index));
    from = found.index + found[0].length;
    const [whole, code, strong, slanted, label, address] = found;
    if (code) parts.push(el("code", {}, code.slice(1, -1)));
    else if (strong) parts.push(el("strong", {}, strong));
    else if (slanted) parts.push(el("em", {}, slanted));
    else if (whole.startsWith("!")) parts.push("");
    else if (safe(address)) parts.push(el("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, label));
    else parts.push(label);
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

export function card(text) {
  const place = el("div", { class: "prose" });
  const rows = text.replace(/<!--[\s\S]*?-->/g, "").split(/\r?\n/);
  let at = 0;
  const until = (stop) => {
    const taken = [];
    while (at < rows.length && !stop(rows[at])) taken.push(rows[at++]);
    return taken;
  };
  while (at < rows.length) {
    const line = rows[at];
    if (!line.trim()) at += 1;
    else if (line.startsWith("```")) {
      at += 1;
      place.append(el("pre", { tabIndex: 0 }, el("code", {}, until((each) => each.startsWith("```")).join("\n"))));
      at += 1;
    } else if (/^#{1,6} /.test(line)) {
      const level = Math.min(6, line.indexOf(" ") + 2);
      place.append(el(`h${level}`, {}, inline(line.replace(/^#+ /, ""))));
      at += 1;
    } else if (line.startsWith("|")) {
      const body = until((each) => !each.startsWith("|"));
      const ruled = body.length > 1 && /^[|\s:-]+$/.test(body[1]);
      const head = ruled ? cells(body[0]) : [];
      place.append(el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of the card" }, el("table", {},
        head.some(Boolean) && el("thead", {}, el("tr", {}, head.map((each) => el("th", { scope: "col" }, inline(each))))),
        el("tbody", {}, body.slice(ruled ? 2 : 0).map((row) => el("tr", {}, cells(row).map((each) => el("td", {}, inline(each)))))))));
    } else if (/^\s*[-*] /.test(line)) {
      const items = until((each) => !/^\s*[-*] /.test(each) && !/^\s+\S/.test(each));
      const joined = items.reduce((all, each) => {
        if (/^\s*[-*] /.test(each)) all.push(each.replace(/^\s*[-*] /, ""));
        else all[all.length - 1] += ` ${each.trim()}`;
        return all;
      }, []);
      place.append(el("ul", {}, joined.map((each) => el("li", {}, inline(each)))));
    } else {
      const words = until((each) => !each.trim() || /^(```|#{1,6} |\|)/.test(each)).join(" ");
      const parts = inline(words);
      if (parts.length) place.append(el("p", {}, parts));
    }
  }
  return place;
}
