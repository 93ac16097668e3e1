/**
 * A page inside a phone: a mini program's H5 build, or the page behind a link. The page may ask what a mini program asks
 * of WeChat; questions come as messages `{wesim: 1, id, call, …}` and are answered `{wesim: 1, id, ok, value | error}`.
 */

import { sim } from "./api.js";
import { h } from "./dom.js";
import { current } from "./i18n.js";

const frames = new Map();

addEventListener("message", (event) => {
  const bridge = frames.get(event.source);
  if (bridge && event.data?.wesim === 1 && typeof event.data.call === "string") void bridge.answer(event);
});

export class Bridge {
  /** @param {any} phone @param {HTMLElement} box where the frame goes */
  constructor(phone, box) {
    this.phone = phone;
    this.box = box;
    this.shown = /** @type {any} */ (null);
  }

  /** @param {{kind: "mini" | "web", src: string, title: string, screen: any} | null} wanted */
  show(wanted) {
    for (const frame of this.box.children) frames.delete(/** @type {HTMLIFrameElement} */ (frame).contentWindow);
    this.shown = wanted;
    if (!wanted) return this.box.replaceChildren();
    const { kind, src, title, screen } = wanted;
    const marks = kind === "mini" ? { "data-page": screen.page, "data-app": screen.appid } : { "data-url": screen.url };
    const frame = /** @type {HTMLIFrameElement} */ (h("iframe", {
      src, title, "data-testid": kind, ...marks, sandbox: "allow-scripts allow-forms allow-same-origin",
    }));
    this.box.replaceChildren(frame);
    frames.set(frame.contentWindow, this);
  }

  /** Tell the page of a tap outside it; `back` on its first page it answers with `exit`. */
  tell(call) {
    const frame = /** @type {HTMLIFrameElement} */ (this.box.firstElementChild);
    frame.contentWindow?.postMessage({ wesim: 1, call }, new URL(frame.src).origin);
  }

  /** @param {MessageEvent} event */
  async answer(event) {
    const { id, call } = event.data;
    const reply = (rest) => /** @type {Window} */ (event.source).postMessage({ wesim: 1, id, ...rest }, event.origin);
    try {
      reply({ ok: true, value: await this.asked(call, event.data) });
    } catch (e) {
      reply({ ok: false, error: /** @type {Error} */ (e).message });
    }
  }

  async asked(call, data) {
    const { phone, shown } = this;
    const { kind, screen } = shown;
    const who = { person: phone.person, app: screen.appid };
    if (call === "hello") return { kind, appid: screen.appid ?? null, person: phone.person, language: current() };
    if (call === "title") {
      shown.title = String(data.text).slice(0, 40);
      return phone.draw();
    }
    if (call === "open") {
      const { appid, page } = await sim("/scan", { person: phone.person, content: String(data.url) });
      return void phone.open({ kind: "mini", appid, page });
    }
    if (call === "exit") return phone.leave();
    if (kind !== "mini") throw new Error(`${call}: not in a browser`);
    if (call === "login") return { code: (await sim("/open", { ...who, page: screen.page })).code };
    if (call === "phone") return phone.askPhone(screen.appid);
    if (call === "pay") return phone.askPay(screen.appid, data.parameters);
    if (call === "subscribe") return phone.askFor(screen.appid, data.templates);
    throw new Error(`unknown call ${call}`);
  }
}
