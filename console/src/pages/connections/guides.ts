import { computed, reactive } from 'vue'
import type { GuideStep } from '@/components/GuideDrawer.vue'
import { t } from '@/i18n'

const STEPS = { connect: 5, subscribe: 4 } as const

function steps(name: keyof typeof STEPS): GuideStep[] {
  return Array.from({ length: STEPS[name] }, (_, number) => ({
    title: t(`connections.guide.${name}.step${number + 1}.title`),
    text: t(`connections.guide.${name}.step${number + 1}.text`),
  }))
}

/** The guides 使用前必读 of these pages. */
export function useGuides() {
  return reactive({ connect: computed(() => steps('connect')), subscribe: computed(() => steps('subscribe')) })
}
