/** The two languages have the same texts, and every text that a page names exists. */

const fs = require('node:fs')
const path = require('node:path')
const ts = require('typescript')

const SRC = path.join(__dirname, '..', 'src')

function texts(file, name) {
  const code = ts.transpileModule(fs.readFileSync(path.join(SRC, 'i18n', file), 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.CommonJS },
  }).outputText
  const module = { exports: {} }
  new Function('exports', 'module', code)(module.exports, module)
  return flat(module.exports[name])
}

function flat(tree, under = '') {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[under + key, value]] : flat(value, `${under}${key}.`),
  )
}

function sources(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
    const file = path.join(folder, one.name)
    return one.isDirectory() ? sources(file) : /\.(vue|ts)$/.test(one.name) && !file.includes('schema') ? [file] : []
  })
}

const zh = new Map(texts('zh-CN.ts', 'zhCN'))
const en = new Map(texts('en.ts', 'en'))

test('both languages have the same texts with the same parameters', () => {
  expect([...en.keys()].sort()).toEqual([...zh.keys()].sort())
  const holes = (text) => (text.match(/\{\w+\}/g) ?? []).sort()
  const differing = [...zh].filter(([key, text]) => key !== 'coupon.discount' && String(holes(text)) !== String(holes(en.get(key))))
  expect(differing.map(([key]) => key)).toEqual([])
})

test('Chinese is in Chinese and English in English', () => {
  expect([...en].filter(([, text]) => /[\u4e00-\u9fff]/.test(text))).toEqual([])
  expect([...zh].filter(([, text]) => !/[\u4e00-\u9fff、]/.test(text))).toEqual([])
})

test('every text that a page names exists', () => {
  const named = sources(SRC).flatMap((file) => [...fs.readFileSync(file, 'utf8').matchAll(/\bt\(\s*'([\w.]+)'/g)].map((hit) => hit[1]))
  expect(named.length).toBeGreaterThan(60)
  expect(named.filter((key) => !zh.has(key))).toEqual([])
})
