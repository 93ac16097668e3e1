/** Small helpers around the DOM. */

/**
 * Build an element. Props: `class`, `on<event>` listeners, `data-*` and other attributes; false and null are left out.
 * @param {string} tag
 * @param {Record<string, any>} props
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") /** @type {any} */ (element).value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

const SHAPES = {
  notice: "M4 10v4h3l5 4V6L7 10H4z M15 9a4 4 0 0 1 0 6 M17.5 6.5a8 8 0 0 1 0 11",
  chat: "M4 5h16v11H10l-4 3v-3H4z",
  people: "M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M5 20c0-4 3-6.5 7-6.5s7 2.5 7 6.5z",
  compass: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z M15.5 8.5l-2 5-5 2 2-5z",
  muted: "M6 16h12l-1.5-2.5V10a4.5 4.5 0 0 0-9 0v3.5z M10.5 19h3 M4 4l16 16",
  bell: "M6 16h12l-1.5-2.5V10a4.5 4.5 0 0 0-9 0v3.5z M10.5 19h3",
  mail: "M4 6h16v12H4z M4 7l8 6 8-6",
  wallet: "M4 8h15v11H4z M4 8l11-4v4 M15 13.5h1",
  more: "M6 12h.01 M12 12h.01 M18 12h.01",
  plus: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z M12 8.5v7 M8.5 12h7",
};

/**
 * A line icon.
 * @param {keyof typeof SHAPES} name
 * @param {number} size
 */
export function icon(name, size = 22) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("width", String(size));
  svg.setAttribute("height", String(size));
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** A press on an element that goes away is lost: what is drawn meanwhile waits for its end. */
const waiting = /** @type {Map<HTMLElement, Node[]>} */ (new Map());
const LONGEST_PRESS_MS = 2000; // the end of some presses is never told: a list that the browser opens, a menu
let pressed = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);

function released() {
  clearTimeout(pressed);
  pressed = undefined;
  const drawn = [...waiting];
  waiting.clear();
  for (const [root, content] of drawn) replace(root, ...content);
}

addEventListener("pointerdown", () => { clearTimeout(pressed); pressed = setTimeout(released, LONGEST_PRESS_MS); }, true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { setTimeout(released); }, true); // the click comes first

/**
 * Put new content into `root`, keeping focus, caret and scrolling of elements with the same `data-key`.
 * While something is pressed the newest content waits for the release.
 * @param {HTMLElement} root
 * @param {...Node} content
 */
export function replace(root, ...content) {
  if (pressed !== undefined) {
    waiting.set(root, content);
    return;
  }
  const active = /** @type {HTMLInputElement | null} */ (document.activeElement);
  const key = active && root.contains(active) ? active.dataset.key : undefined;
  const caret = key && "selectionStart" in active ? active.selectionStart : null;
  const scrolls = new Map();
  for (const e of root.querySelectorAll("[data-scroll]")) {
    const stuck = e.scrollHeight - e.scrollTop - e.clientHeight < 8;
    scrolls.set(e.getAttribute("data-scroll"), stuck && e.hasAttribute("data-bottom") ? Infinity : e.scrollTop);
  }
  root.replaceChildren(...content);
  for (const e of root.querySelectorAll("[data-scroll]")) {
    const before = scrolls.get(e.getAttribute("data-scroll"));
    e.scrollTop = before === undefined ? (e.hasAttribute("data-bottom") ? e.scrollHeight : 0)
      : before === Infinity ? e.scrollHeight : before;
  }
  if (key) {
    const again = /** @type {HTMLInputElement | null} */ (root.querySelector(`[data-key="${key}"]`));
    again?.focus();
    if (again && caret !== null && again.setSelectionRange) again.setSelectionRange(caret, caret);
  }
}

/** @param {string} text */
export function toast(text) {
  const box = document.getElementById("toast");
  if (!box) return;
  box.textContent = text;
  box.classList.add("shown");
  setTimeout(() => box.classList.remove("shown"), 3000);
}
