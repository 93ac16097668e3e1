import { has, t } from '@/i18n'
import type { Schema } from '@/api/types'
import type { Variable } from './scenarios'

const YUAN = '\u5143'
/** As many characters as a date with its time has in a message. */
const CLOCK = '0000-00-00- 00:00'

export type Trouble = Schema<'TroubleView'>

const TOKEN = /\{\{\s*([^{}]+?)\s*\}\}/g
const SINGLE = /(?<!\{)\{\s*([^{}]+?)\s*\}(?!\})/g

/** A value cut into text and variables: even places are text, odd ones names of variables. */
export const cut = (value: string): string[] => value.replace(SINGLE, '{{$1}}').split(TOKEN)

/** Variables by their own names: people may type `{order_no}` or `{订单编号}`. */
export function canonical(value: string, variables: readonly Variable[]): string {
  const keys = new Map(variables.flatMap((one) => [one.key, one.label, one.label_en].map((name) => [name, one.key] as const)))
  return cut(value)
    .map((piece, place) => (place % 2 ? `{{${keys.get(piece) ?? piece}}}` : piece))
    .join('')
}

/** How many characters WeChat lets through, by the type of the field; others are limited by their form. */
const LIMITS: Record<string, number> = {
  thing: 20,
  short_thing: 10,
  text: 200,
  number: 32,
  letter: 32,
  symbol: 5,
  character_string: 32,
  phone_number: 17,
  car_number: 8,
  phrase: 5,
  enum: 20,
  const: 20,
}
/** Types whose text is shortened when it is too long; the server refuses the others. */
export const SHORTENED = ['thing', 'text', 'short_thing', 'name']

/** The limit for a value; a name counts as Chinese as soon as it has one such character. */
export function limitOf(kind: string, value: string): number | null {
  if (kind === 'name') return /[^\u0020-\u007e]/.test(value) ? 10 : 20
  return LIMITS[kind] ?? null
}

/** A variable's sample about as the message shows it. The preview of the server is exact; this counts while one types. */
function sample(variable: Variable, kind: string): string {
  const yuan = (Number(variable.sample) / 100).toFixed(2)
  if (variable.type === 'money') return ['number', 'character_string'].includes(kind) ? yuan : yuan + YUAN
  if (variable.type === 'signed_money') return (Number(variable.sample) > 0 ? '+' : '') + yuan + YUAN
  if (variable.type === 'time') return CLOCK
  return variable.sample
}

export function filled(value: string, variables: readonly Variable[], kind: string): string {
  return cut(value)
    .map((piece, place) => {
      if (place % 2 === 0) return piece
      const variable = variables.find((one) => one.key === piece)
      return variable ? sample(variable, kind) : ''
    })
    .join('')
}

export const lengthOf = (text: string): number => [...text].length

export interface VariableGroup {
  code: string
  variables: Variable[]
}

/** Groups of the thing that happened first, of whom it happened to last. */
const ORDER = ['order', 'goods', 'shipping', 'refund', 'withdrawal', 'recharge', 'coupon', 'code', 'account', 'buyer', 'member', 'shop']

/** The library in the groups of the server (S2-30). */
export function grouped(variables: readonly Variable[]): VariableGroup[] {
  const codes = [...new Set(variables.map((one) => one.group))].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))
  return codes.map((code) => ({ code, variables: variables.filter((one) => one.group === code) }))
}

/** Why a field cannot be saved, in words. */
export function troubleText(trouble: Trouble): string {
  const code = trouble.code.split('.').at(-1) ?? ''
  if (code === 'value_misfit') {
    const why = trouble.detail.split(':').at(-1) ?? ''
    return t(has(`notices.trouble.value_${why}`) ? `notices.trouble.value_${why}` : 'notices.trouble.value_format', { limit: trouble.limit })
  }
  const named = { detail: trouble.detail, limit: trouble.limit, nearest: trouble.nearest }
  if (code === 'variable_unknown' && trouble.nearest) return t('notices.trouble.variable_near', named)
  return has(`notices.trouble.${code}`) ? t(`notices.trouble.${code}`, named) : trouble.code
}
