/** HTTP with the member's session: every call waits for the login, and a lost session is opened again once. */

import { language, t } from '@/i18n'
import { platform } from '@/platform'

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    title: string,
    readonly params: Record<string, unknown> = {},
  ) {
    super(title)
  }
}

interface Call {
  query?: Record<string, string | number | undefined>
  body?: unknown
  key?: string
}

type Method = 'GET' | 'POST'

const TIMEOUT_MS = 15_000
let token = ''
let opening: Promise<void> | null = null
let started: Promise<void> = Promise.resolve()

/** Calls wait until the environment is known. */
export function startAfter(ready: Promise<void>): void {
  started = ready
}

/** A call without a session. Raises Problem. */
export function open<T>(method: Method, path: string, call: Call = {}, bearer = ''): Promise<T> {
  const asked = Object.entries(call.query ?? {}).filter(([, value]) => value !== undefined && value !== '')
  const query = asked.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')
  const header: Record<string, string> = { 'Accept-Language': language() }
  if (bearer) header.Authorization = `Bearer ${bearer}`
  if (call.key) header['Idempotency-Key'] = call.key
  if (method === 'POST') header['Content-Type'] = 'application/json'
  return new Promise((resolve, reject) => {
    uni.request({
      url: `${platform.apiBase}${path}${query ? `?${query}` : ''}`,
      method,
      header,
      data: method === 'POST' ? JSON.stringify(call.body ?? {}) : undefined,
      timeout: TIMEOUT_MS,
      success(answer) {
        if (answer.statusCode >= 200 && answer.statusCode < 300) resolve(answer.data as T)
        else reject(problemOf(answer.statusCode, answer.data))
      },
      fail: () => reject(new Problem(0, 'network', t('error.network'))),
    })
  })
}

function problemOf(status: number, data: unknown): Problem {
  const told = (data ?? {}) as { code?: string; title?: string; params?: Record<string, unknown> }
  return new Problem(status, told.code ?? `http.${status}`, told.title ?? t('error.server'), told.params)
}

/** Go on with this session: the person has proved a phone. */
export function enter(opened: string): void {
  token = opened
  platform.store.set('token', opened)
}

/** Whether a session is kept from before, where WeChat opens none. */
export function hasKept(): boolean {
  return token !== '' || platform.store.get('token') !== ''
}

/** Forget the session of this browser. */
export function leave(): void {
  enter('')
}

/** A call with the member's session. Raises Problem or PlatformError. */
export async function api<T>(method: Method, path: string, call: Call = {}): Promise<T> {
  await started
  if (!token) await logIn('')
  const used = token
  try {
    return await open<T>(method, path, call, used)
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error
    await logIn(used)
    return open<T>(method, path, call, token)
  }
}

/** Log in unless somebody else has replaced the `stale` token already. */
function logIn(stale: string): Promise<void> {
  if (token !== stale) return Promise.resolve()
  const kept = stale ? '' : platform.store.get('token')
  if (kept) {
    token = kept
    return Promise.resolve()
  }
  opening ??= (async () => {
    const credential = await platform.credential()
    enter((await open<{ token: string }>('POST', '/api/member/login', { body: credential })).token)
  })().finally(() => {
    opening = null
  })
  return opening
}
