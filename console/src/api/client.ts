import createClient, { type Middleware } from 'openapi-fetch'
import { i18n, locale } from '@/i18n'
import { Problem } from './problem'
import type { paths } from './schema'

let csrfToken = ''
let onLoggedOut: () => void = () => undefined

export function setCsrf(token: string): void {
  csrfToken = token
}

/** Says what to do when the server no longer knows us. */
export function whenLoggedOut(todo: () => void): void {
  onLoggedOut = todo
}

export function writeHeaders(): Record<string, string> {
  return { 'X-CSRF-Token': csrfToken, 'Accept-Language': locale.value }
}

const NO_SESSION = 'auth.required'

const edge: Middleware = {
  onRequest({ request }) {
    request.headers.set('Accept-Language', locale.value)
    if (request.method !== 'GET') request.headers.set('X-CSRF-Token', csrfToken)
    return request
  },
  async onResponse({ response }) {
    if (!response.ok) throw await refused(response)
  },
  onError() {
    return Problem.offline(i18n.global.t)
  },
}

/** The problem of a refused call; the end of the session leads to the login page. */
export async function refused(response: Response): Promise<Problem> {
  const problem = await Problem.of(response)
  if (problem.status === 401 && problem.code === NO_SESSION) onLoggedOut()
  return problem
}

export const api = createClient<paths>({ baseUrl: '/', credentials: 'same-origin' })
api.use(edge)

/** The data of a call; a refusal is thrown as a Problem. */
export async function read<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T
}
