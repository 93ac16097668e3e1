/** The shop's till beside the phones: who buys, how much, and what the shop's system answered. */

import { sim } from "./api.js";
import { h, replace } from "./dom.js";
import { current, t } from "./i18n.js";

const form = { person: "", customer: "", yuan: "25.00" };
let acts = /** @type {any[]} */ ([]);
let last = /** @type {any} */ (null);
let busy = false;

/** @param {HTMLElement} root @param {any[]} people whose phones are shown */
export async function loadTill(root, people) {
  const found = await sim("/till");
  acts = found.ready ? found.acts : [];
  drawTill(root, people);
}

/** @param {HTMLElement} root @param {any[]} people */
export function drawTill(root, people) {
  root.hidden = !acts.length;
  if (!acts.length) return root.replaceChildren();
  if (!people.some((p) => p.id === form.person)) form.person = people[0]?.id ?? "";
  const field = (label, input) => h("label", {}, h("span", {}, label), input);
  const ring = (index) => async (event) => {
    event.preventDefault();
    const fen = Math.round(Number(form.yuan) * 100);
    if (busy || !(fen > 0)) return;
    busy = true;
    last = null;
    drawTill(root, people);
    const customer = form.customer.replace(/\s/g, "");
    const code = /^\d{18}$/.test(customer);
    const who = customer ? (code ? { code: customer } : { card: customer }) : { person: form.person };
    try {
      last = await sim("/till/ring", { act: index, fen, ...who });
      if (last.status < 400 && code) form.customer = "";
    } catch (e) {
      last = { status: 0, answer: /** @type {Error} */ (e).message };
    }
    busy = false;
    drawTill(root, people);
  };
  replace(root, h("form", { class: "panel till", onsubmit: ring(0), "data-testid": "till" },
    h("h2", {}, t("till.title"), h("small", {}, t("till.lead"))),
    h("div", { class: "fields" },
      field(t("till.who"), select(people)),
      field(t("till.customer"), h("input", { value: form.customer, placeholder: t("till.customer_hint"), inputmode: "numeric", "data-key": "till-customer",
        autocomplete: "off", oninput: (e) => { form.customer = e.target.value; } })),
      field(t("till.yuan"), h("input", { value: form.yuan, inputmode: "decimal", "data-key": "till-yuan", autocomplete: "off",
        oninput: (e) => { form.yuan = e.target.value; } })),
      h("div", { class: "acts" }, acts.map((act, n) => h("button", { class: n ? "" : "main", type: n ? "button" : "submit", "data-ring": n, disabled: busy, onclick: n ? ring(n) : false },
        current() === "zh" ? act.name : act.name_en))),
      last ? h("p", { class: last.status > 0 && last.status < 400 ? "done" : "refused", "data-testid": "till-answer", role: "status" }, said(last)) : "")));
}

function select(people) {
  const box = h("select", { "data-key": "till-person", onchange: (e) => { form.person = e.target.value; } },
    people.map((p) => h("option", { value: p.id }, `${p.name} ${p.phone}`)));
  /** @type {HTMLSelectElement} */ (box).value = form.person;
  return box;
}

function said({ status, answer, card }) {
  if (status > 0 && status < 400) return t("till.done", { card });
  const why = answer?.title ?? answer?.code ?? (typeof answer === "string" ? answer : "");
  return status === 404 && !why ? t("till.nobody") : t("till.refused", { why: why || status });
}
