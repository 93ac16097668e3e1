import { expect, test } from 'vitest'
import { smsCut, smsLength, smsOver } from '@/pages/messaging/parts'

test('characters outside of the first plane take two places while one types, as they do on the bill', () => {
  expect([smsLength('会员'), smsLength('😎'), smsLength('𠮷'), smsLength('👨‍👩‍👧')]).toEqual([2, 2, 2, 8])
})

test('a text is one message up to 70 places, and parts of 67 beyond', () => {
  expect(smsCut('😎'.repeat(35))).toEqual([70])
  expect(smsCut('😎'.repeat(36))).toEqual([67, 5])
  expect(smsCut('会'.repeat(69) + '😎')).toEqual([67, 4])
  expect(smsCut('会'.repeat(134))).toEqual([67, 67])
  expect(smsCut('会'.repeat(135))).toEqual([67, 67, 1])
})

test('a part that one to five characters cost is called a pity, and no other', () => {
  expect([60, 70, 71, 75, 76, 134, 135, 139, 140, 201, 202].map(smsOver)).toEqual([0, 0, 1, 5, 0, 0, 1, 5, 0, 0, 1])
})
