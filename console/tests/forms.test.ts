import { expect, test } from 'vitest'

const pages = import.meta.glob<string>('../src/**/*.vue', { query: '?raw', import: 'default', eager: true })

test('no form lets the browser check before we do: its words are in its own language, and it refuses ordinary amounts', () => {
  const forms = Object.entries(pages).flatMap(([path, text]) =>
    [...text.matchAll(/<(?:el-form|form)(?=[\s>])[^>]*>/g)].map(([tag]) => ({ path, tag })),
  )
  expect(forms.length).toBeGreaterThan(15)
  expect(forms.filter(({ tag }) => !/\snovalidate[\s>]/.test(tag))).toEqual([])
})
