/** The page: which phones are shown, live changes, the clock and the language. */

import { sim, watch } from "./api.js";
import { frozen, full, now, setClock } from "./clock.js";
import { h, replace, toast } from "./dom.js";
import { current, speak, t } from "./i18n.js";
import { Phone } from "./phone.js";
import { drawSide } from "./side.js";
import { drawTill, loadTill } from "./till.js";

const FIRST = 3;
const LOOK_EVERY_MS = 2000;
const memory = {
  get: (key) => { try { return localStorage.getItem(`wesim.${key}`); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(`wesim.${key}`, value); } catch { /* private window: forget */ } },
};
const place = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

let apps = /** @type {any[]} */ ([]);
let dns = /** @type {Record<string, string>} */ ({});
let people = /** @type {any[]} */ ([]);
let log = /** @type {any[]} */ ([]);
let others = /** @type {any[]} */ ([]);
let adding = false;
let phones = /** @type {Phone[]} */ ([]);

const world = { apps: () => apps, dns: () => dns, remove };

async function load() {
  const [state, persons, sms] = await Promise.all([sim("/state"), sim("/persons?limit=200"), sim("/sms")]);
  apps = state.apps;
  dns = sms.settings.dns;
  people = persons.persons;
  setClock(state);
  const known = new Set(people.map((p) => p.id));
  const remembered = (memory.get("phones") ?? "").split(",").filter((id) => known.has(id));
  const wanted = phones.length ? phones.map((p) => p.person).filter((id) => known.has(id))
    : remembered.length ? remembered : people.slice(0, FIRST).map((p) => p.id);
  show(wanted);
  drawTop(); // not after the waiting: what somebody is about to press must not be drawn anew
  await Promise.all([look(), loadTill(place("till"), customers()), ...phones.map((p) => p.refresh())]);
}

const customers = () => phones.map((phone) => people.find((p) => p.id === phone.person)).filter(Boolean);

function show(ids) {
  phones = ids.map((id) => phones.find((p) => p.person === id) ?? new Phone(id, world));
  memory.set("phones", ids.join(","));
  drawTill(place("till"), customers());
  place("phones").replaceChildren(...(phones.length ? phones.map((p) => p.root) : [h("p", { class: "none" }, t("page.empty"))]));
}

function remove(person) {
  show(phones.map((p) => p.person).filter((id) => id !== person));
  drawTop();
}

async function add(person) {
  adding = false;
  if (!phones.some((p) => p.person === person)) show([...phones.map((p) => p.person), person]);
  drawTop();
  await phones.find((p) => p.person === person)?.refresh();
}

async function create(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    const { person } = await sim("/persons", { name: form.get("name"), phone: form.get("phone") });
    people = (await sim("/persons?limit=200")).persons;
    await add(person);
  } catch (e) {
    toast(/** @type {Error} */ (e).message);
  }
}

/** The log and the clock have no events: look at them now and then. */
async function look() {
  const [calls, clock, unknown] = await Promise.all([sim("/log?limit=50"), sim("/clock"), sim("/unknown-sms")]);
  setClock(clock);
  const changed = calls.calls !== (log[0]?.n ?? 0) || unknown.messages.length !== others.length || !place("side").hasChildNodes();
  log = calls.log;
  others = unknown.messages;
  if (changed) drawSide(place("side"), log, others);
  tick();
}

function tick() {
  const shown = document.querySelector("#clock-now");
  if (shown) shown.textContent = full(now());
  for (const phone of document.querySelectorAll(".phone .status .clock")) phone.textContent = full(now()).slice(11, 16);
}

async function turn(change) {
  setClock(await sim("/clock", change));
  drawTop();
  for (const phone of phones) phone.draw();
}

function drawTop() {
  const step = (key, seconds) => h("button", { onclick: () => turn({ advance: seconds }) }, t(key));
  replace(place("top"),
    h("div", { class: "brand" }, h("b", {}, t("page.title")), h("span", { class: "tag" }, t("page.tag")), h("span", { class: "lead" }, t("page.lead"))),
    h("div", { class: "tools" },
      h("div", { class: "clockbar" }, h("span", {}, t("clock.now")), h("b", { id: "clock-now" }, full(now())),
        frozen() ? h("span", { class: "tag" }, t("clock.frozen")) : null,
        step("clock.minute", 60), step("clock.hour", 3600), step("clock.day", 86_400),
        h("button", { "data-act": "freeze", onclick: () => turn({ freeze: !frozen() }) }, t(frozen() ? "clock.run" : "clock.freeze"))),
      h("button", { "data-act": "language", onclick: () => language(current() === "zh" ? "en" : "zh") }, t("page.language")),
      h("div", { class: "adder" },
        h("button", { class: "main", "data-act": "add", onclick: () => { adding = !adding; drawTop(); } }, t("page.add")),
        adding ? picker() : null)));
}

function picker() {
  const absent = people.filter((p) => !phones.some((phone) => phone.person === p.id));
  return h("div", { class: "picker" },
    absent.length ? [h("h3", {}, t("page.pick")), h("div", { class: "names" }, absent.map((p) => h("button", { onclick: () => add(p.id) }, h("b", {}, p.name), ` ${p.phone}`)))] : null,
    h("h3", {}, t("page.new")),
    h("form", { onsubmit: create },
      h("input", { name: "name", placeholder: t("page.name"), required: true, "data-key": "new-name" }),
      h("input", { name: "phone", placeholder: t("page.number"), pattern: "1[3-9][0-9]{9}", "data-key": "new-phone" }),
      h("button", { class: "main", type: "submit" }, t("page.create"))));
}

function language(wanted) {
  memory.set("language", wanted);
  speak(wanted);
  drawTop();
  drawSide(place("side"), log, others);
  drawTill(place("till"), customers());
  for (const phone of phones) phone.draw();
}

function changed(change) {
  if (change.kind === "reset") {
    phones = [];
    void load();
    return;
  }
  const phone = phones.find((p) => p.person === change.person);
  if (phone && change.kind === "message") phone.arrived(change.body);
  if (phone) void phone.refresh();
  else if (change.kind === "message") void look();
}

speak(memory.get("language") === "en" ? "en" : "zh");
drawTop();
watch(changed, () => void load().catch((e) => toast(e.message)));
setInterval(() => { if (!document.hidden) void look().catch(() => undefined); }, LOOK_EVERY_MS);
setInterval(tick, 1000);
