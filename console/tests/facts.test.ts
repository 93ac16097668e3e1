import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { actorText, sentence } from '@/components/facts'
import { endOf, money, signed, startOf, time } from '@/components/format'
import { has, speak } from '@/i18n'

const MODULES = join(import.meta.dirname, '..', '..', 'huida', 'modules')

/** The kinds of facts that the server records, from its sources. */
function kinds(): string[] {
  return readdirSync(MODULES).flatMap((module) => {
    try {
      const text = readFileSync(join(MODULES, module, 'facts.py'), 'utf8')
      return [...text.matchAll(/kind: ClassVar\[str\] = "([a-z_.]+)"/g)].map((match) => match[1] ?? '')
    } catch {
      return []
    }
  })
}

beforeAll(() => speak('zh-CN'))

test('every kind of fact is told in a sentence', () => {
  expect(kinds().length).toBeGreaterThan(30)
  const variants = ['', '.on', '.points', '.saved', '.created', '.paid', '.soft', '.hour']
  expect(kinds().filter((kind) => !variants.some((variant) => has(`facts.${kind}${variant}`)))).toEqual([])
})

test('a purchase is told with its money, and with stored value only when some was used', () => {
  const paid = { store_name: '南门店', total_fen: 2500, balance_fen: 0, points: 25 }
  expect(sentence('order.purchase_recorded', paid)).toBe('在南门店消费 ¥25.00，得 25 积分')
  expect(sentence('order.purchase_recorded', { ...paid, balance_fen: 1000 })).toBe(
    '在南门店消费 ¥25.00，储值支付 ¥10.00，得 25 积分',
  )
})

test('a kind that this page does not know yet shows what it holds', () => {
  expect(sentence('moon.landed', { amount_fen: 100 })).toBe('moon.landed · amount_fen ¥1.00')
})

test('who did it: a name, or what kind of caller', () => {
  expect(actorText('staff:01a2', '沈掌柜')).toBe('沈掌柜')
  expect(actorText('key:01a2')).toBe('接口')
  expect(actorText('something:else')).toBe('系统')
})

test('money, counts and times are written as shops write them', () => {
  expect([money(123456789), money(-5), money(null)]).toEqual(['¥1,234,567.89', '-¥0.05', '–'])
  expect([signed(120), signed(-3)]).toEqual(['+120', '-3'])
  expect(time('2026-11-21T16:05:00Z')).toBe('2026-11-22 00:05')
})

test('a day of the shop runs from its midnight to the next', () => {
  expect([startOf('2026-12-31'), endOf('2026-12-31')]).toEqual(['2026-12-31T00:00:00+08:00', '2027-01-01T00:00:00+08:00'])
})
