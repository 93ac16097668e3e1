/** Entering by a phone: codes by SMS, passwords, binding. */

import { api, enter, open } from './client'
import type { CodeAsked, CodeEntries, Me, Opened } from './types'

const at = '/api/member'

export type Purpose = 'register' | 'recover' | 'login' | 'bind'

const place = (m: string) => (m ? { m: Number(m) } : {})

export const fetchCodeEntries = (m: string) => open<CodeEntries>('GET', `${at}/codes`, { query: { m } })

export function askCode(purpose: Purpose, m: string, phone: string, device: string): Promise<CodeAsked> {
  if (purpose === 'bind') return api<CodeAsked>('POST', `${at}/codes/bind`, { body: { phone, device } })
  return open<CodeAsked>('POST', `${at}/codes`, { body: { ...place(m), scenario: purpose, phone, device } })
}

export async function enterBy(path: string, m: string, body: Record<string, string>): Promise<void> {
  enter((await open<Opened>('POST', `${at}/${path}`, { body: { ...place(m), ...body } })).token)
}

export async function bindByCode(phone: string, code: string): Promise<Me> {
  await api<undefined>('POST', `${at}/phone/code`, { body: { phone, code } })
  return api<Me>('GET', `${at}/me`)
}
