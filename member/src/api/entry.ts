/** Entering by a phone: codes by SMS, passwords, binding. */

import { device } from '@/lib/device'
import { solve } from '@/lib/proof'
import { api, enter, open, Problem } from './client'
import type { CodeAsked, CodeEntries, Me, Opened } from './types'

const at = '/api/member'

export type Purpose = 'register' | 'recover' | 'login' | 'bind'

const place = (m: string) => (m ? { m: Number(m) } : {})

export const fetchCodeEntries = (m: string) => open<CodeEntries>('GET', `${at}/codes`, { query: { m } })

/** What a challenge asks for again: it may have become harder, or too old, while the page worked. */
const PROOFS = 3

export async function askCode(purpose: Purpose, m: string, phone: string, working: () => void): Promise<CodeAsked> {
  let proof = {}
  for (let tries = 0; ; tries += 1) {
    const body = { phone, device: device(), ...proof }
    try {
      if (purpose === 'bind') return await api<CodeAsked>('POST', `${at}/codes/bind`, { body })
      return await open<CodeAsked>('POST', `${at}/codes`, { body: { ...place(m), scenario: purpose, ...body } })
    } catch (refusal) {
      if (!(refusal instanceof Problem) || refusal.code !== 'verification.proof_needed' || tries === PROOFS) throw refusal
      working()
      const challenge = String(refusal.params.challenge)
      proof = { challenge, answer: await solve(challenge, Number(refusal.params.bits)) }
    }
  }
}

export async function enterBy(path: string, m: string, body: Record<string, string>): Promise<void> {
  const asked = { ...place(m), device: device(), ...body }
  enter((await open<Opened>('POST', `${at}/${path}`, { body: asked })).token)
}

export async function bindByCode(phone: string, code: string): Promise<Me> {
  await api<undefined>('POST', `${at}/phone/code`, { body: { phone, code, device: device() } })
  return api<Me>('GET', `${at}/me`)
}
