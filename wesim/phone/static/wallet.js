/** The phone's wallet: what is in it, what moved, scanning a payment code, and WeChat Pay's question before paying. */

import { sim } from "./api.js";
import { short } from "./clock.js";
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";

/** 1250 fen as 12.50. */
export const yuan = (fen) => `${fen < 0 ? "-" : ""}${(Math.abs(fen) / 100).toFixed(2)}`;

/** What this person has; null when the simulator has no WeChat Pay. */
export const walletOf = (person) => sim(`/pay/wallets/${encodeURIComponent(person)}`).catch(() => null);

/** @param {any} wallet @param {any} on */
export function walletScreen(wallet, on) {
  const scan = (event) => {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (event.target.elements.code);
    const code = field.value.trim();
    field.value = "";
    on.draft("");
    if (code) on.scan(code);
  };
  return [
    h("div", { class: "bar plain" }, h("button", { class: "back", onclick: on.back, "aria-label": "back" }, "‹"), h("span", { class: "title" }, t("wallet.title")), h("span", { class: "end" })),
    h("div", { class: "purse" }, h("span", {}, t("wallet.balance")), h("b", { "data-testid": "balance" }, `¥${yuan(wallet?.balance_fen ?? 0)}`)),
    h("form", { class: "writer scan", onsubmit: scan },
      h("input", { name: "code", value: on.draft(), placeholder: t("wallet.code"), "aria-label": t("wallet.code"), "data-key": "scan", autocomplete: "off", oninput: (e) => on.draft(e.target.value) }),
      h("button", { type: "submit" }, t("wallet.scan"))),
    h("div", { class: "list", "data-scroll": "wallet" },
      wallet?.entries.length ? wallet.entries.map(row) : h("p", { class: "none" }, t("wallet.none"))),
  ];
}

function row(entry) {
  const back = entry.amount_fen > 0;
  return h("div", { class: "row moved", "data-testid": "moved" },
    h("span", { class: "middle" }, h("span", { class: "name" }, back ? `${t("wallet.refund")} · ${entry.merchant}` : entry.merchant),
      h("span", { class: "preview" }, `${entry.description} · ${short(entry.at * 1000, t("time.yesterday"))}`)),
    h("b", { class: back ? "back" : "" }, `${back ? "+" : ""}${yuan(entry.amount_fen)}`));
}

/** The cashier's sheet. @param {any} pay what the cashier shows @param {(act: "pay" | "cancel") => void} decided */
export function cashier(pay, decided, fresh) {
  const short_ = pay.balance_fen < pay.total_fen;
  return h("div", { class: "shade" }, h("div", { class: fresh ? "sheet pay fresh" : "sheet pay", "data-testid": "cashier", role: "dialog", "aria-label": t("pay.title") },
    h("button", { class: "cancel", "data-act": "cancel", onclick: () => decided("cancel"), "aria-label": t("pay.cancel") }, "×"),
    h("p", { class: "to" }, pay.merchant),
    h("p", { class: "sum", "data-testid": "sum" }, `¥${yuan(pay.total_fen)}`),
    h("div", { class: "fact" }, h("span", {}, t("pay.what")), h("b", {}, pay.description)),
    h("div", { class: "fact" }, h("span", {}, t("pay.from")), h("b", {}, `${t("wallet.balance")} ¥${yuan(pay.balance_fen)}`)),
    short_ ? h("p", { class: "short", role: "alert" }, t("pay.short")) : null,
    h("div", { class: "buttons" }, h("button", { class: "main", "data-act": "pay", disabled: short_, onclick: () => decided("pay") }, t("pay.confirm")))));
}

/** The row below the phone: what is in the wallet, and the way in. */
export function walletGroup(wallet, go) {
  if (!wallet) return null;
  return h("div", { class: "group" }, h("span", { class: "label" }, `${t("wallet.title")} ¥${yuan(wallet.balance_fen)}`),
    h("button", { "data-act": "wallet", onclick: go }, icon("wallet", 14), t("wallet.open")));
}
