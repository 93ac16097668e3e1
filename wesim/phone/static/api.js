/** Calls of the control plane. */

/**
 * @param {string} path below /_sim
 * @param {object} [body] a POST when given
 * @returns {Promise<any>}
 */
export async function sim(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(`/_sim${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

/**
 * Live changes; `again` runs after every (re)connection, when something may have been missed.
 * @param {(change: {kind: string, person: string, at: number, body: any}) => void} on
 * @param {() => void} again
 */
export function watch(on, again) {
  const source = new EventSource("/_sim/events");
  source.addEventListener("open", again);
  for (const kind of ["message", "read", "follow", "unfollow", "open_mini", "wallet", "reset"]) {
    source.addEventListener(kind, (e) => on(JSON.parse(/** @type {MessageEvent} */ (e).data)));
  }
}
