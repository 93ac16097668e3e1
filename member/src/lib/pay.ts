/** Paying: WeChat's cashier, then waiting until the server knows, for only the server knows. */

import type { PayParameters } from '@/api/types'
import { platform } from '@/platform'

const LOOKS = 12
const EVERY_MS = 700
const ASK_AT = 3

export type Paid = 'paid' | 'waiting' | 'cancelled'

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Open the cashier and wait; `isPaid` looks at our server, `ask` has WeChat Pay asked when no word came. */
export async function payAndWait(
  parameters: PayParameters,
  isPaid: () => Promise<boolean>,
  ask: () => Promise<unknown>,
): Promise<Paid> {
  if ((await platform.pay(parameters)) === 'cancelled') return 'cancelled'
  for (let look = 0; look < LOOKS; look++) {
    if (await isPaid()) return 'paid'
    if (look === ASK_AT) await ask().catch(() => undefined)
    await pause(EVERY_MS)
  }
  return 'waiting'
}
