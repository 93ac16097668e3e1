/** This browser, by a name that only it knows: it does not ask for codes without end, and what strangers do with a phone
 * does not hold it up once somebody came in here with that phone. */

import { uuid } from '@/lib/uuid'
import { platform } from '@/platform'

/** 32 hexadecimal letters; where there is no source of secrets (mini programs) at least nobody else's. */
function unguessable(): string {
  if (typeof crypto === 'undefined' || !crypto.getRandomValues) return uuid().replace(/-/g, '')
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function device(): string {
  const kept = platform.store.get('device')
  if (kept) return kept
  const made = unguessable()
  platform.store.set('device', made)
  return made
}
