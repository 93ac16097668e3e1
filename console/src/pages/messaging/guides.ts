import type { GuideStep } from '@/components/GuideDrawer.vue'
import { t } from '@/i18n'

/** The steps of a guide: texts `<group>.1.title`, `<group>.1.text`, … */
export function guideSteps(group: string, count: number): GuideStep[] {
  return Array.from({ length: count }, (_, place) => ({
    title: t(`${group}.${place + 1}.title`),
    text: t(`${group}.${place + 1}.text`),
  }))
}

export interface Reminder {
  remind_after_days?: number
  remind_before_days?: number
}

/** When the reminder of unused coupons goes out, in words. */
export function reminderText(options: Reminder): string {
  const after = options.remind_after_days ?? 0
  const before = options.remind_before_days ?? 0
  const parts = [
    ...(after ? [t('notices.reminder.afterShort', { days: after })] : []),
    ...(before ? [t('notices.reminder.beforeShort', { days: before })] : []),
  ]
  return parts.length ? parts.join(t('notices.reminder.and')) : t('notices.reminder.never')
}
