import createClient, { type Middleware } from 'openapi-fetch'
import { i18n, locale } from '@/i18n'
import { Problem } from './problem'
import { renewed } from './renewal'
import type { paths } from './schema'

let csrfToken = ''
let onLoggedOut: () => void = () => undefined
let isWorking: () => boolean = () => false

export function setCsrf(token: string): void {
  csrfToken = token
}

/** Says what to do when the server no longer knows us, and whether somebody is at work who should first be asked to log in. */
export function whenLoggedOut(todo: () => void, working: () => boolean): void {
  onLoggedOut = todo
  isWorking = working
}

export function writeHeaders(): Record<string, string> {
  return { 'X-CSRF-Token': csrfToken, 'Accept-Language': locale.value }
}

const NO_SESSION = 'auth.required'

/** What was sent, until it is answered: a call that found the login ended is made again after it. */
const sent = new Map<string, Request>()

const edge: Middleware = {
  onRequest({ request, id }) {
    request.headers.set('Accept-Language', locale.value)
    if (request.method !== 'GET') request.headers.set('X-CSRF-Token', csrfToken)
    sent.set(id, request.clone())
    return request
  },
  async onResponse({ response, id }) {
    const again = sent.get(id)
    sent.delete(id)
    if (response.ok) return
    const problem = await Problem.of(response)
    if (!ended(problem)) throw problem
    if (!again || !(await loggedInAgain())) throw problem
    again.headers.set('X-CSRF-Token', csrfToken)
    const second = await fetch(again)
    if (!second.ok) throw await Problem.of(second)
    return second
  },
  onError({ id }) {
    sent.delete(id)
    return Problem.offline(i18n.global.t)
  },
}

const ended = (problem: Problem): boolean => problem.status === 401 && problem.code === NO_SESSION

/** Who is at work logs in again over the page; who does not want to, or was not known yet, comes to the login page. */
async function loggedInAgain(): Promise<boolean> {
  const yes = isWorking() && (await renewed())
  if (!yes) onLoggedOut()
  return yes
}

/** The problem of a refused call that is not made again by itself. */
export async function refused(response: Response): Promise<Problem> {
  const problem = await Problem.of(response)
  if (ended(problem)) void loggedInAgain()
  return problem
}

export const api = createClient<paths>({ baseUrl: '/', credentials: 'same-origin' })
api.use(edge)

/** The data of a call; a refusal is thrown as a Problem. */
export async function read<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T
}
