import type { Page, Transfer } from '@/api/types'
import { known, t } from '@/i18n'
import { count, moment, signed, yuan } from './format'
import { sameId } from './uuid'

export interface RecordView {
  key: string
  title: string
  at: string
  amount: string
  detail: string
  out: boolean
  told: boolean
}

const PAGES_TO_LOOK = 5

/** Pages of records, read on until the record that a message told of is among them. */
export async function readUntil(
  fetchPage: (cursor?: string) => Promise<Page<Transfer>>,
  wanted: string,
): Promise<Page<Transfer>> {
  let page = await fetchPage()
  const items = [...page.items]
  for (let read = 1; wanted && page.next_cursor && read < PAGES_TO_LOOK && !has(items, wanted); read++) {
    page = await fetchPage(page.next_cursor)
    items.push(...page.items)
  }
  return { items, next_cursor: page.next_cursor }
}

function has(items: Transfer[], wanted: string): boolean {
  return items.some((item) => sameId(item.source_id, wanted))
}

/** Points: one line for each movement. */
export function pointsRecords(items: Transfer[], wanted: string): RecordView[] {
  return items.map((item) => ({
    ...common(item, wanted),
    amount: signed(count(item.amount)),
    detail: t('records.points_after', { n: count(item.balance_after) }),
    out: item.amount < 0,
  }))
}

/** Stored value: what one event moved of principal and of gift is one line. */
export function balanceRecords(items: Transfer[], wanted: string): RecordView[] {
  const events: Transfer[][] = []
  for (const item of items) {
    const last = events[events.length - 1]
    const same = last?.[0] && last[0].source_id === item.source_id && last[0].source_type === item.source_type
    if (last && same) last.push(item)
    else events.push([item])
  }
  return events.map((parts) => {
    const amount = parts.reduce((sum, part) => sum + part.amount, 0)
    const gift = parts.filter((part) => part.unit === 'cny_gift').reduce((sum, part) => sum + part.amount, 0)
    return {
      ...common(parts[0]!, wanted),
      amount: signed(yuan(amount)),
      detail: made(amount - gift, gift),
      out: amount < 0,
    }
  })
}

/** How an amount divides into principal and gift; principal alone needs no words. */
function made(principal: number, gift: number): string {
  if (!gift) return ''
  const parts = { principal: signed(yuan(principal)), gift: signed(yuan(gift)) }
  return t(principal ? 'records.split' : 'records.gift', parts)
}

function common(item: Transfer, wanted: string) {
  const name = `records.${item.reason}`
  return {
    key: `${item.unit}.${item.seq}`,
    title: known(name) ? t(name) : t('records.other'),
    at: moment(item.at),
    told: sameId(item.source_id, wanted),
  }
}
