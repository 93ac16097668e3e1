import type { Schema } from '@/api/types'

export type AccountBody = Schema<'AccountPut'>
export type Setting = Schema<'PayAccountSetting'>
export type CheckResult = Schema<'CheckResult'>
