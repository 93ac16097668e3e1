/** Beside the phones: the raw requests that the simulator answered. */

import { hhmm, full } from "./clock.js";
import { h, replace } from "./dom.js";
import { t } from "./i18n.js";

const open = new Set();

/** @param {HTMLElement} root @param {any[]} log newest first @param {any[]} others SMS to numbers of nobody */
export function drawSide(root, log, others) {
  replace(root,
    h("div", { class: "panel" },
      h("h2", {}, t("side.log"), h("small", {}, t("side.last"))),
      h("div", { class: "calls", "data-scroll": "log" }, log.length ? log.map((entry) => call(entry, () => drawSide(root, log, others))) : h("p", { class: "none" }, t("side.none")))),
    others.length ? h("div", { class: "panel others" }, h("h2", {}, t("side.other")),
      h("div", { class: "calls", "data-scroll": "others" }, others.slice(-20).reverse().map((m) => h("p", {}, h("b", {}, m.extra.phone), ` ${hhmm(m.at * 1000)} ${m.text}`)))) : "");
}

function call(entry, redraw) {
  const shown = open.has(entry.n);
  const flip = () => { if (shown) open.delete(entry.n); else open.add(entry.n); redraw(); };
  const good = entry.status === 200 && !refused(entry.response);
  return h("div", { class: "call", "data-n": entry.n },
    h("button", { onclick: flip, "aria-expanded": shown ? "true" : "false" },
      h("span", { class: good ? "code good" : "code bad" }, entry.status === null ? "—" : String(entry.status)),
      h("span", { class: "what" }, h("b", {}, name(entry)), h("span", {}, `${entry.host} · ${full(entry.at * 1000).slice(11)}`))),
    shown ? h("div", { class: "raw" },
      h("h3", {}, t("side.request")), h("pre", {}, `${entry.method} ${entry.path}${entry.query ? `?${decoded(entry.query)}` : ""}\n${pretty(entry.body)}`),
      h("h3", {}, t("side.response")), h("pre", {}, entry.status === null ? t("side.cut") : pretty(entry.response))) : null);
}

/** SMS calls all go to `/`: their action is the better name. */
function name(entry) {
  const action = entry.headers["x-acs-action"] ?? entry.headers["x-tc-action"] ?? new URLSearchParams(entry.query).get("Action");
  return action ?? `${entry.method} ${entry.path}`;
}

function refused(text) {
  const found = json(text);
  if (!found || typeof found !== "object") return false;
  return Boolean(found.errcode) || (typeof found.Code === "string" && found.Code !== "OK") || Boolean(found.Response?.Error);
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function pretty(text) {
  const found = json(text);
  return found === null ? text : JSON.stringify(found, null, 2);
}

/** A query as one reads it; a sequence that masking has cut stays as it is. */
function decoded(query) {
  return query.replace(/\+/g, " ").replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
    try {
      return decodeURIComponent(bytes);
    } catch {
      return bytes;
    }
  });
}
