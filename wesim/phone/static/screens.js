/** What a phone shows: chat list, conversations, SMS, mini program, web page. Pure: state in, elements out. */

import { h, icon } from "./dom.js";
import { hhmm, short, full, now } from "./clock.js";
import { t } from "./i18n.js";

// Phones know an address by its domain, with a scheme in front or without one.
const LINK = /((?:https?:\/\/)?(?:[a-z0-9-]+\.)+[a-z]{2,}\/[^\s，。；）】]*|https?:\/\/[^\s，。；）】]+)/i;

/** @param {any} view @param {(screen: any) => void} go @param {(name: string, id: any) => boolean} fresh */
export function chatList(view, go, fresh) {
  const total = view.unread.chats;
  return [
    bar(`${t("app.wechat")}${total ? `(${total})` : ""}`, null, icon("plus", 20)),
    h("div", { class: "search" }, t("chats.search")),
    h("div", { class: "list", "data-scroll": "chats" },
      view.chats.length ? newestFirst(view.chats).map((chat) => chatRow(chat, go, fresh)) : h("p", { class: "none" }, t("chats.none"))),
    tabs(),
  ];
}

/** By the last message, not by time: under a frozen clock many messages have the same time. */
const newestFirst = (chats) => [...chats].sort((a, b) => (b.messages.at(-1)?.id ?? 0) - (a.messages.at(-1)?.id ?? 0));

function chatRow(chat, go, fresh) {
  const last = chat.messages.at(-1);
  const services = chat.kind === "services";
  const preview = last ? previewOf(last, services) : t("chats.nothing");
  const count = chat.muted && chat.unread > 1 ? t("chats.count", { n: chat.unread }) : "";
  return h("button", { class: fresh(chat.id, last?.id) ? "row fresh" : "row", "data-chat": chat.id, "data-last": last?.id, onclick: () => go({ at: "chat", id: chat.id }) },
    h("span", { class: `avatar ${services ? "services" : "account"}` },
      services ? icon("notice", 26) : chat.name.slice(0, 1), badge(chat.unread, chat.muted)),
    h("span", { class: "middle" },
      h("span", { class: "name" }, services ? t("chats.services") : chat.name),
      h("span", { class: "preview" }, count + preview)),
    h("span", { class: "end" },
      h("span", { class: "time" }, last ? short(last.at * 1000, t("time.yesterday")) : ""),
      chat.muted ? icon("muted", 14) : ""));
}

function previewOf(message, services) {
  const text = message.title || message.text;
  return services ? `${message.sender}：${text}` : text;
}

/** A red number; for a muted chat only a red dot. */
export function badge(n, dot = false) {
  if (!n) return null;
  return h("span", { class: dot ? "badge dot" : "badge", "data-n": n }, dot ? "" : n > 99 ? "99+" : String(n));
}

function tabs() {
  const rows = [["chat", "tab.chats"], ["people", "tab.people"], ["compass", "tab.find"], ["people", "tab.me"]];
  return h("div", { class: "tabs" }, rows.map(([shape, key], n) =>
    h("span", { class: n === 0 ? "tab on" : "tab" }, icon(shape, 22), t(key))));
}

function bar(title, back, end = null) {
  return h("div", { class: "bar" },
    back ? h("button", { class: "back", onclick: back, "aria-label": "back" }, "‹") : h("span", { class: "back" }),
    h("span", { class: "title" }, title), h("span", { class: "end" }, end ?? ""));
}

/** @param {any} view @param {any} screen @param {any} on */
export function conversation(view, screen, on) {
  const chat = view.chats.find((c) => c.id === screen.id);
  const messages = chat?.messages ?? [];
  const services = screen.id === "services";
  const title = services ? t("chats.services") : chat?.name ?? "";
  return [
    bar(title, () => on.go({ at: "chats" }), icon("more", 20)),
    h("div", { class: "talk", "data-scroll": `chat-${screen.id}`, "data-bottom": true },
      messages.length ? messages.map((m, n) => [stamp(m, messages[n - 1]), bubble(m, on)]) : h("p", { class: "none" }, t("chat.none"))),
    services ? null : writer("say", t("chat.say"), (text) => on.say(screen.id, text), on),
  ];
}

function stamp(message, before) {
  if (before && message.at - before.at < 300) return null;
  return h("p", { class: "stamp" }, short(message.at * 1000, t("time.yesterday")));
}

function bubble(message, on) {
  if (message.kind === "subscribe" || message.kind === "oa_template") return card(message, on);
  if (message.kind === "oa_notice") return h("p", { class: "stamp" }, message.text);
  const mine = message.kind === "from_person";
  return h("div", { class: mine ? "said mine" : "said", "data-message": message.id },
    mine ? null : h("span", { class: "face" }, message.sender.slice(0, 1)), h("span", { class: "text" }, message.text));
}

function card(message, on) {
  const notice = message.kind === "subscribe";
  const jump = message.jump;
  return h("div", { class: "card", "data-message": message.id, "data-kind": message.kind },
    notice ? h("div", { class: "from" }, h("span", { class: "logo" }, message.sender.slice(0, 1)), message.sender, icon("more", 18)) : null,
    h("div", { class: "headline" }, message.title),
    h("dl", {}, message.fields.map(([name, value]) => [h("dt", {}, name || " "), h("dd", {}, value)])),
    jump ? h("button", { class: "detail", onclick: () => on.tap(message) }, h("span", {}, t("chat.detail")), h("span", { class: "arrow" }, "›")) : null,
    jump?.kind === "mini" ? h("div", { class: "foot" }, t("chat.mini")) : null);
}

function writer(key, hint, send, on) {
  const box = /** @type {HTMLInputElement} */ (h("input", {
    "data-key": key, placeholder: hint, value: on.draft(), maxlength: 300, oninput: (e) => on.draft(e.target.value),
  }));
  const submit = (e) => { e.preventDefault(); const text = box.value.trim(); if (text) { on.draft(""); box.value = ""; send(text); } };
  return h("form", { class: "writer", onsubmit: submit }, box, h("button", { type: "submit" }, t("chat.send")));
}

/** @param {any} view @param {(screen: any) => void} go */
export function smsList(view, go) {
  return [
    h("div", { class: "bar plain" }, h("span", { class: "title" }, t("sms.title"))),
    h("div", { class: "list sms", "data-scroll": "sms" },
      view.sms.length ? view.sms.map((thread) => smsRow(thread, go)) : h("p", { class: "none" }, t("sms.none"))),
  ];
}

function smsRow(thread, go) {
  const last = thread.messages.at(-1);
  return h("button", { class: "row", "data-thread": thread.sender, onclick: () => go({ at: "thread", id: thread.sender }) },
    h("span", { class: "avatar number" }, icon("people", 26), badge(thread.unread)),
    h("span", { class: "middle" }, h("span", { class: "name" }, thread.sender), h("span", { class: "preview" }, last.text)),
    h("span", { class: "end" }, h("span", { class: "time" }, short(last.at * 1000, t("time.yesterday")))));
}

/** @param {any} view @param {any} screen @param {any} on */
export function smsThread(view, screen, on) {
  const messages = view.sms.find((s) => s.sender === screen.id)?.messages ?? [];
  return [
    bar(screen.id, () => on.go({ at: "sms" })),
    h("div", { class: "talk texts", "data-scroll": `sms-${screen.id}`, "data-bottom": true },
      messages.map((m, n) => [smsStamp(m, messages[n - 1]), h("div", { class: "sms-bubble", "data-message": m.id }, linked(m.text, on))]),
      on.replies(screen.id).map((text) => h("div", { class: "sms-bubble mine" }, text))),
    writer("reply", t("sms.reply"), (text) => on.reply(screen.id, messages.at(-1)?.title, text), on),
  ];
}

function smsStamp(message, before) {
  if (before && message.at - before.at < 300) return null;
  const ms = message.at * 1000;
  const today = full(ms).slice(0, 10) === full(now()).slice(0, 10);
  const day = today ? `${t("time.today")} ${hhmm(ms)}` : full(ms).slice(5, 16);
  return h("p", { class: "stamp" }, t("sms.kind"), h("br"), day);
}

function linked(text, on) {
  return text.split(LINK).map((part, n) => n % 2
    ? h("button", { class: "link", onclick: () => on.go({ at: "web", url: part.includes("://") ? part : `https://${part}`, from: "sms" }) }, part) : part);
}

/** @param {any} screen @param {any} on @param {{title: string} | null} framed */
export function miniProgram(screen, on, framed) {
  const [path, query = ""] = screen.page.split("?");
  const params = [...new URLSearchParams(query)];
  return [
    h("div", { class: "bar plain mini-bar" },
      h("button", { class: "back", onclick: on.back, "aria-label": "back" }, "‹"),
      h("span", { class: "title" }, framed?.title ?? screen.name), h("span", { class: "capsule" }, icon("more", 18), h("i"), h("button", { class: "ring", onclick: on.close, "aria-label": "close", "data-act": "close" }))),
    framed ? "" : h("div", { class: "opened", "data-testid": "mini", "data-page": screen.page, "data-app": screen.appid },
      h("div", { class: "logo big" }, screen.name.slice(0, 1)),
      h("p", { class: "lead" }, t("mini.opened")),
      fact(t("mini.app"), screen.appid),
      fact(t("mini.page"), path || t("mini.home")),
      h("h4", {}, t("mini.params")),
      params.length ? params.map(([name, value]) => fact(name, value)) : h("p", { class: "none small" }, t("mini.no_params"))),
  ];
}

/** @param {any} screen @param {any} on @param {{title: string} | null} framed */
export function webPage(screen, on, framed) {
  return [
    bar(new URL(screen.url).host, on.back),
    framed ? "" : h("div", { class: "opened", "data-testid": "web", "data-url": screen.url },
      h("p", { class: "lead" }, t("web.opened")), fact(t("web.address"), screen.url),
      h("a", { class: "button", href: screen.url, target: "_blank", rel: "noopener" }, t("web.outside"))),
  ];
}

const fact = (name, value) => h("div", { class: "fact" }, h("span", {}, name), h("b", {}, value));
