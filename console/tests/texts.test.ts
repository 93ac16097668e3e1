import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SRC = join(import.meta.dirname, '..', 'src')

function flat(texts: object, prefix = ''): [string, unknown][] {
  return Object.entries(texts).flatMap(([key, value]): [string, unknown][] =>
    value !== null && typeof value === 'object' ? flat(value as object, `${prefix}${key}.`) : [[prefix + key, value]],
  )
}

function texts(language: string): Map<string, unknown> {
  const folder = join(SRC, 'i18n', language)
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return new Map(
    files.flatMap((name) => flat(JSON.parse(readFileSync(join(folder, name), 'utf8')), `${name.slice(0, -5)}.`)),
  )
}

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return name === 'i18n' ? [] : sources(path)
    return /\.(vue|ts)$/.test(name) && name !== 'schema.d.ts' ? [path] : []
  })
}

const zh = texts('zh-CN')
const en = texts('en')
const code = sources(SRC).map((path) => ({ path: path.slice(SRC.length + 1), text: readFileSync(path, 'utf8') }))

test('both languages have the same keys', () => {
  expect([...en.keys()].sort()).toEqual([...zh.keys()].sort())
})

test('no text is empty, and each is a text', () => {
  const bad = [...zh, ...en].filter(([, text]) => typeof text !== 'string' || !text.trim())
  expect(bad).toEqual([])
})

test('both languages fill in the same values', () => {
  const names = (text: unknown): string[] => [...new Set(String(text).match(/\{\w+\}/g) ?? [])].sort()
  const differing = [...zh].filter(([key, text]) => names(text).join() !== names(en.get(key)).join()).map(([key]) => key)
  expect(differing).toEqual([])
})

test('the English texts have no Chinese in them', () => {
  const quoted = /[「《（【].*[」》）】]|\(.*\)/
  const bad = [...en].filter(([, text]) => /\p{Script=Han}/u.test(String(text)) && !quoted.test(String(text)))
  expect(bad).toEqual([])
})

test('pages and components say everything through the texts', () => {
  const comments = /\/\*[\s\S]*?\*\/|\/\/.*|<!--[\s\S]*?-->/g
  const bad = code
    .filter(({ path, text }) => !/ScreenLabels/.test(path) && /\p{Script=Han}/u.test(text.replace(comments, '')))
    .map(({ path }) => path)
    // The switch of languages names Chinese in Chinese.
    .filter((path) => !['shell/TopBar.vue', 'pages/LoginPage.vue'].includes(path))
  expect(bad).toEqual([])
})

test('every key that the code names has a text', () => {
  const named = code.flatMap(({ path, text }) =>
    [...text.matchAll(/\bt\(\s*'([\w.-]+)'/g)].map((match) => ({ path, key: match[1] ?? '' })),
  )
  expect(named.filter(({ key }) => !zh.has(key))).toEqual([])
})
