/** One phone: its state, its screen, and what its owner does around it. */

import { sim } from "./api.js";
import { hhmm, now } from "./clock.js";
import { Bridge } from "./bridge.js";
import { h, icon, replace, toast } from "./dom.js";
import { t } from "./i18n.js";
import { badge, chatList, conversation, miniProgram, smsList, smsThread, webPage } from "./screens.js";
import { beep } from "./sound.js";
import { cashier, walletGroup, walletOf, walletScreen } from "./wallet.js";

const BANNER_MS = 4000;
const SHEET_MAX = 5;

export class Phone {
  /**
   * @param {string} person
   * @param {{apps: () => any[], dns: () => Record<string, string>, remove: (person: string) => void}} world
   */
  constructor(person, world) {
    this.person = person;
    this.world = world;
    // Boxes that stay: a frame that is moved in the document would load its page anew.
    this.owner = h("div", { class: "owner" });
    this.statusBox = h("div", { class: "status" });
    this.screenBox = h("div", { class: "screen" });
    this.frameBox = h("div", { class: "frame" });
    this.overBox = h("div");
    this.below = h("div");
    this.root = h("article", { class: "holder", "data-person": person }, this.owner,
      h("div", { class: "phone" }, this.statusBox, this.screenBox, this.frameBox, this.overBox), this.below);
    this.bridge = new Bridge(this, this.frameBox);
    this.view = /** @type {any} */ (null);
    this.wallet = /** @type {any} */ (null);
    this.users = /** @type {Record<string, any>} */ ({});
    this.screen = /** @type {any} */ ({ at: "chats" });
    this.before = this.screen;
    this.rings = 0;
    this.ringing = false;
    this.banner = /** @type {any} */ (null);
    this.sheet = /** @type {any} */ (null);
    this.drafts = /** @type {Record<string, string>} */ ({});
    this.replied = /** @type {Record<string, string[]>} */ ({});
    this.suspended = false;
    this.seen = new Map();
    this.loading = /** @type {Promise<void> | null} */ (null);
    this.stale = false;
  }

  /** Fetch the phone anew; calls during a fetch are folded into one more. */
  async refresh() {
    this.stale = true;
    this.loading ??= (async () => {
      while (this.stale) {
        this.stale = false;
        this.view = await sim(`/phones/${encodeURIComponent(this.person)}`);
        this.wallet = await walletOf(this.person);
        const rows = this.world.apps().map(async (a) => [a.id, await sim(`/apps/${a.id}/users/${encodeURIComponent(this.person)}`)]);
        this.users = Object.fromEntries(await Promise.all(rows));
      }
    })().finally(() => { this.loading = null; });
    await this.loading;
    await this.markRead();
    this.draw();
  }

  /** @param {any} message a new message on this phone */
  arrived(message) {
    if (!message.sound) return;
    this.rings += 1;
    this.ringing = true;
    this.banner = message;
    beep();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.banner = null; this.ringing = false; this.draw(); }, BANNER_MS);
  }

  go(screen) {
    this.before = this.screen;
    this.screen = screen;
    this.banner = null;
    this.sheet = null;
    this.bridge.show(this.frameOf(screen));
    void this.refresh();
  }

  /** Messages of the conversation on the screen count as read. */
  async markRead() {
    const { at, id } = this.screen;
    const shown = at === "chat" ? this.view.chats.find((c) => c.id === id) : at === "thread" ? this.view.sms.find((s) => s.sender === id) : null;
    const unread = (shown?.messages ?? []).filter((m) => !m.read);
    for (const message of unread) {
      await sim("/tap", { person: this.person, message: message.id });
      message.read = true;
    }
    if (unread.length) this.view = await sim(`/phones/${encodeURIComponent(this.person)}`);
  }

  get on() {
    const key = JSON.stringify(this.screen);
    return {
      go: (screen) => this.go(screen),
      back: () => (this.bridge.shown?.kind === "mini" ? this.bridge.tell("back") : this.leave()),
      close: () => this.leave(),
      tap: (message) => this.open(message.jump),
      scan: (code) => this.scan(code),
      say: (app, text) => this.act("/say", { person: this.person, app, text }),
      reply: async (sender, sign, text) => {
        await this.act("/sms/replies", { phone: this.view.person.phone, text, sign });
        (this.replied[sender] ??= []).push(text);
        this.draw();
      },
      replies: (sender) => this.replied[sender] ?? [],
      draft: (text) => (text === undefined ? this.drafts[key] ?? "" : (this.drafts[key] = text)),
      resolve: (url) => {
        const { host } = new URL(url);
        const real = this.world.dns()[host];
        return real ? url.replace(/^https?:\/\/[^/]+/, real.replace(/\/$/, "")) : url;
      },
    };
  }

  leave() {
    this.go(this.before.at === "mini" || this.before.at === "web" ? { at: "chats" } : this.before);
  }

  async open(jump) {
    if (jump.kind === "url") return this.go({ at: "web", url: jump.url });
    const app = this.world.apps().find((a) => a.id === jump.appid);
    if (app) await this.act("/open", { person: this.person, app: jump.appid, page: jump.page ?? "" });
    return this.go({ at: "mini", appid: jump.appid, name: app?.name ?? jump.appid, page: jump.page ?? "" });
  }

  /** A control call whose refusal is shown, not thrown. */
  async act(path, body) {
    try {
      return await sim(path, body);
    } catch (e) {
      toast(/** @type {Error} */ (e).message);
      return null;
    } finally {
      void this.refresh();
    }
  }

  draw() {
    if (!this.view) return;
    const { person } = this.view;
    replace(this.owner,
      h("div", { class: "who" }, h("b", {}, person.name), h("span", {}, person.phone)),
      h("span", { class: this.ringing ? "bell ringing" : "bell", "data-testid": "bell", "data-rings": this.rings, title: t("bell.rings", { n: this.rings }) },
        icon("bell", 18), h("span", {}, String(this.rings))),
      h("button", { class: "quiet", title: t("page.remove"), "aria-label": t("page.remove"), onclick: () => this.world.remove(this.person) }, "×"));
    const framed = this.bridge.shown;
    this.statusBox.className = ["sms", "mini", "wallet"].includes(this.screen.at) ? "status white" : "status";
    replace(this.statusBox, h("span", { class: "clock" }, hhmm(now())), h("span", { class: "signal" }, "5G", h("i")));
    this.screenBox.className = `screen ${this.screen.at}${framed ? " framed" : ""}`;
    replace(this.screenBox, ...[this.content(framed)].flat().filter((part) => part !== null));
    this.frameBox.hidden = !framed;
    replace(this.overBox, ...[this.bannerBox(), this.sheetBox()].filter((box) => box !== null));
    replace(this.below, this.dock(), this.actions());
  }

  /** What a frame on this screen shows: the mini program's pages, where it has some, or the page of a link. */
  frameOf(screen) {
    if (screen.at === "mini") {
      const { h5 } = this.world.apps().find((a) => a.id === screen.appid) ?? {};
      return h5 ? { kind: "mini", src: `${h5}#/${screen.page || "pages/index/index"}`, title: screen.name, screen } : null;
    }
    if (screen.at === "web") {
      const real = this.on.resolve(screen.url);
      return real === screen.url ? null : { kind: "web", src: real, title: screen.url, screen };
    }
    return null;
  }

  /** Whether something is on the screen for the first time: only then it moves in. */
  fresh(name, id) {
    const before = this.seen.get(name);
    this.seen.set(name, id);
    return before !== id;
  }

  content(framed) {
    const { screen, view, on } = this;
    if (screen.at === "chat") return conversation(view, screen, on);
    if (screen.at === "sms") return smsList(view, on.go);
    if (screen.at === "thread") return smsThread(view, screen, on);
    if (screen.at === "wallet") return walletScreen(this.wallet, on);
    if (screen.at === "mini") return miniProgram(screen, on, framed);
    if (screen.at === "web") return webPage(screen, on, framed);
    return chatList(view, on.go, (name, id) => this.fresh(`row ${name}`, id));
  }

  bannerBox() {
    const message = this.banner;
    if (!message) return null;
    const sms = message.kind === "sms";
    const target = sms ? { at: "thread", id: message.sender } : { at: "chat", id: "services" };
    return h("button", { class: this.fresh("banner", message.id) ? "banner fresh" : "banner", "data-testid": "banner", onclick: () => this.go(target) },
      h("span", { class: sms ? "mark sms" : "mark" }, icon(sms ? "mail" : "chat", 18)),
      h("span", { class: "words" }, h("b", {}, sms ? message.sender : t("chats.services")),
        h("span", {}, sms ? message.text : `${message.sender}：${message.title}`)));
  }

  /** The switch between the two apps of the phone. */
  dock() {
    const texts = ["sms", "thread"].includes(this.screen.at) || this.screen.from === "sms";
    const item = (key, on, n, at) => h("button", { class: on ? "on" : "", "data-app": at, onclick: () => this.go({ at }) }, t(key), badge(n));
    return h("div", { class: "dock" }, item("app.wechat", !texts, this.view.unread.chats, "chats"), item("app.sms", texts, this.view.unread.sms, "sms"));
  }

  actions() {
    const rows = this.world.apps().map((app) => (app.kind === "service" ? this.accountActions(app) : this.miniActions(app)));
    const number = { phone: this.view.person.phone, state: this.suspended ? "normal" : "out_of_service" };
    const flip = async () => { if (await this.act("/sms/phones", number)) { this.suspended = !this.suspended; this.draw(); } };
    return h("div", { class: "actions" }, rows, walletGroup(this.wallet, () => this.go({ at: "wallet" })),
      this.view.person.phone ? h("div", { class: "group" }, h("span", { class: "label" }, this.suspended ? t("act.out_state") : t("app.sms")),
        h("button", { onclick: flip }, t(this.suspended ? "act.in" : "act.out"))) : null);
  }

  accountActions(app) {
    const user = this.users[app.id] ?? {};
    const who = { person: this.person, app: app.id };
    return h("div", { class: "group" }, h("span", { class: "label", title: app.id }, app.name),
      user.following
        ? h("button", { "data-act": "unfollow", onclick: () => this.act("/unfollow", who) }, t("act.unfollow"))
        : h("button", { "data-act": "follow", class: "main", onclick: () => this.act("/follow", who) }, t("act.follow")),
      h("button", { "data-act": "block", onclick: () => this.act("/setting", { ...who, blocks_messages: !user.blocks_messages }) },
        t(user.blocks_messages ? "act.unblock" : "act.block")));
  }

  miniActions(app) {
    return h("div", { class: "group" }, h("span", { class: "label", title: app.id }, app.name),
      h("button", { "data-act": "subscribe", class: "main", onclick: () => this.ask(app.id) }, t("act.subscribe")),
      h("button", { "data-act": "open", onclick: () => this.open({ kind: "mini", appid: app.id, page: "" }) }, t("act.open")));
  }

  async ask(appid) {
    const app = await sim(`/apps/${appid}`);
    const templates = Object.values(app.templates);
    const decided = async (choices) => {
      const chosen = Object.entries(choices).filter(([, choice]) => choice !== "skip");
      if (!chosen.length) return;
      const answer = await this.act("/subscribe",
        { person: this.person, app: appid, templates: chosen.map(([id]) => id), choices: Object.fromEntries(chosen) });
      if (answer?.errCode) toast(answer.errMsg);
    };
    this.sheet = { app, templates, chosen: new Set(templates.slice(0, 3).map((x) => x.id)), keep: false, others: "skip", decided };
    this.draw();
  }

  /** A page asks to allow messages: the answer is what wx.requestSubscribeMessage gives. */
  async askFor(appid, ids) {
    const app = await sim(`/apps/${appid}`);
    const user = await sim(`/apps/${appid}/users/${encodeURIComponent(this.person)}`);
    const unasked = ids.filter((id) => !user.remembered[id]);
    const send = (choices) => sim("/subscribe", { person: this.person, app: appid, templates: ids, choices });
    if (!user.main_switch || !unasked.length || ids.some((id) => !app.templates[id])) return send({});
    this.users[appid] = user;
    return new Promise((resolve, reject) => {
      const decided = (choices) => send(choices).then(resolve, reject);
      const templates = unasked.map((id) => app.templates[id]);
      this.sheet = { app, templates, chosen: new Set(unasked), keep: false, others: "reject", decided };
      this.draw();
    });
  }

  /** A page asks for the phone number: the code that vouches for it, or the refusal `deny`. */
  askPhone(appid) {
    const app = this.world.apps().find((a) => a.id === appid);
    return new Promise((resolve, reject) => {
      this.sheet = { app, number: this.view.person.phone, decided: (yes) => yes
        ? sim("/phone-code", { person: this.person, app: appid }).then(resolve, reject)
        : reject(new Error("deny")) };
      this.draw();
    });
  }

  /** A page asks for money: what wx.requestPayment tells it once the person has decided. */
  async askPay(appid, parameters) {
    const asked = { person: this.person, app: appid, ...parameters };
    const shown = await sim("/pay/cashier", asked);
    if (shown.errMsg) return shown;
    return this.decidePay(shown, (act) => sim("/pay/pay", { ...asked, act }));
  }

  /** The person scans a payment code. */
  async scan(code) {
    const shown = await this.act("/pay/scan", { person: this.person, code_url: code });
    if (!shown) return;
    if (shown.result) return void toast(shown.result.replace(/^fail /, ""));
    const told = await this.decidePay(shown, (act) => sim("/pay/scan", { person: this.person, code_url: code, act }));
    toast(t(told.result === "ok" ? "pay.done" : "pay.not"));
  }

  decidePay(pay, carry) {
    return new Promise((resolve, reject) => {
      const decided = (act) => { this.sheet = null; this.draw(); carry(act).then(resolve, reject).finally(() => void this.refresh()); };
      this.sheet = { pay, decided };
      this.draw();
    });
  }

  /** The question of wx.requestSubscribeMessage. */
  sheetBox() {
    const sheet = this.sheet;
    if (!sheet) return null;
    if (sheet.pay) return cashier(sheet.pay, sheet.decided, this.fresh("sheet", sheet));
    const close = () => { this.sheet = null; this.draw(); };
    const head = h("div", { class: "from" }, h("span", { class: "logo" }, sheet.app.name.slice(0, 1)), h("span", {}, sheet.app.name));
    const frame = (...inside) => h("div", { class: "shade" },
      h("div", { class: this.fresh("sheet", sheet) ? "sheet fresh" : "sheet", "data-testid": "sheet", role: "dialog" }, head, ...inside));
    const button = (act, main, on, disabled = false) =>
      h("button", { "data-act": act, class: main ? "main" : "", disabled, onclick: on }, t(main ? "sheet.accept" : "sheet.reject"));
    if (sheet.number !== undefined) {
      const decide = (yes) => { close(); void sheet.decided(yes); };
      return frame(h("h4", {}, t("sheet.phone")), h("p", { class: "number" }, sheet.number || t("sheet.no_phone")),
        h("div", { class: "buttons" }, button("reject", false, () => decide(false)), button("accept", true, () => decide(true), !sheet.number)));
    }
    const credits = this.users[sheet.app.id]?.credits ?? {};
    const toggle = (id) => (sheet.chosen.has(id) ? sheet.chosen.delete(id) : sheet.chosen.size < SHEET_MAX && sheet.chosen.add(id), this.draw());
    const decide = (choice) => {
      const one = (id) => (sheet.chosen.has(id) ? (sheet.keep ? `always_${choice}` : choice) : sheet.others);
      close();
      void sheet.decided(Object.fromEntries(sheet.templates.map((x) => [x.id, one(x.id)])));
    };
    const none = !sheet.templates.length;
    return frame(h("h4", {}, t("sheet.title")),
      h("div", { class: "choices", "data-scroll": "sheet" }, none ? h("p", { class: "none small" }, t("sheet.none")) : sheet.templates.map((template) => h("label", {},
        h("input", { type: "checkbox", checked: sheet.chosen.has(template.id), onchange: () => toggle(template.id) }),
        h("span", {}, template.title), h("small", {}, t("sheet.credits", { n: credits[template.id] ?? 0 }))))),
      h("label", { class: "keep" }, h("input", { type: "checkbox", checked: sheet.keep, onchange: () => { sheet.keep = !sheet.keep; } }), h("span", {}, t("sheet.keep"))),
      h("div", { class: "buttons" }, button("reject", false, () => (none ? close() : decide("reject"))), button("accept", true, () => decide("accept"), none)));
  }
}
