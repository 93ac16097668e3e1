/** The simulated clock on this page, always in China time. */

let offset = 0;
let frozenAt = /** @type {number | null} */ (null);

/** @param {{now: number, frozen: boolean}} state */
export function setClock(state) {
  offset = state.now * 1000 - Date.now();
  frozenAt = state.frozen ? state.now * 1000 : null;
}

export const frozen = () => frozenAt !== null;
export const now = () => frozenAt ?? Date.now() + offset;

const parts = (ms) => {
  const found = new Intl.DateTimeFormat("en-CA", {
    timeZone: "Asia/Shanghai", hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).formatToParts(new Date(ms));
  return Object.fromEntries(found.map((p) => [p.type, p.value]));
};

/** @param {number} ms */
export function hhmm(ms) {
  const p = parts(ms);
  return `${p.hour}:${p.minute}`;
}

/** @param {number} ms */
export function full(ms) {
  const p = parts(ms);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`;
}

/**
 * How a chat list writes a time: the hour today, a word for yesterday, a date before.
 * @param {number} ms
 * @param {string} yesterday
 */
export function short(ms, yesterday) {
  const day = (x) => full(x).slice(0, 10);
  if (day(ms) === day(now())) return hhmm(ms);
  if (day(ms) === day(now() - 86_400_000)) return yesterday;
  return day(ms).slice(5);
}
