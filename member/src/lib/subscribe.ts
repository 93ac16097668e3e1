/** Asking for subscriptions (S1-76, S1-84, S1-85): only on a tap, only what was named, and never after a refusal. */

import { reactive } from 'vue'

import { Problem } from '@/api/client'
import { reportAnswers } from '@/api/member'
import type { Entry } from '@/api/types'
import { platform } from '@/platform'
import { uuid } from './uuid'

/** WeChat asks for at most three templates at once. */
export const MOST_AT_ONCE = 3

const TRIES = 3
const PENDING = 'reports'
const ACCEPTED = /^accept/
const MAIN_SWITCH_OFF = 20004

/** Templates refused since the start: no page offers them again by itself. */
export const refusedHere = reactive(new Set<string>())

export type Outcome =
  | { kind: 'answered'; accepted: string[]; refused: string[]; remaining: Record<string, number> | null }
  | { kind: 'switched_off' | 'cancelled' | 'failed' }

interface Report {
  id: string
  answers: Record<string, string>
}

/** One entry for each template, as two scenarios may share one. */
export function byTemplate(entries: Entry[]): Entry[] {
  return entries.filter((entry, at) => entries.findIndex((e) => e.template_id === entry.template_id) === at)
}

/** Show WeChat's question for these templates and report the answers. */
export async function ask(templateIds: string[]): Promise<Outcome> {
  const asked = [...new Set(templateIds)].slice(0, MOST_AT_ONCE)
  let answer
  try {
    answer = await platform.subscribe(asked)
  } catch {
    return { kind: 'failed' }
  }
  if (answer.errCode === MAIN_SWITCH_OFF) return { kind: 'switched_off' }
  const answers: Record<string, string> = {}
  for (const id of asked) {
    const given = answer[id]
    if (typeof given === 'string') answers[id] = given
  }
  if (Object.keys(answers).length === 0) return { kind: /cancel/.test(answer.errMsg) ? 'cancelled' : 'failed' }
  const accepted = asked.filter((id) => ACCEPTED.test(answers[id] ?? ''))
  const refused = asked.filter((id) => answers[id] === 'reject' || answers[id] === 'ban')
  for (const id of refused) refusedHere.add(id)
  for (const id of accepted) refusedHere.delete(id)
  return { kind: 'answered', accepted, refused, remaining: await report({ id: uuid(), answers }) }
}

/** Report the answers; kept for later when the server cannot be reached, always under the same id. */
async function report(made: Report): Promise<Record<string, number> | null> {
  for (let tried = 1; tried <= TRIES; tried++) {
    try {
      return (await reportAnswers(made.id, made.answers)).remaining
    } catch (error) {
      if (!lost(error)) return null
    }
    await new Promise((resolve) => setTimeout(resolve, 400 * tried))
  }
  platform.store.set(PENDING, JSON.stringify([...pending(), made]))
  return null
}

/** Send what could not be reported before. */
export async function flushReports(): Promise<void> {
  const waiting = pending()
  if (waiting.length === 0) return
  platform.store.set(PENDING, '')
  for (const [at, made] of waiting.entries()) {
    try {
      await reportAnswers(made.id, made.answers)
    } catch (error) {
      if (!lost(error)) continue
      platform.store.set(PENDING, JSON.stringify([...pending(), ...waiting.slice(at)]))
      return
    }
  }
}

function pending(): Report[] {
  try {
    return JSON.parse(platform.store.get(PENDING) || '[]') as Report[]
  } catch {
    return []
  }
}

function lost(error: unknown): boolean {
  return !(error instanceof Problem) || error.status === 0 || error.status >= 500
}
