import { CreditCard } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'pay-account',
      name: 'pay-account',
      component: () => import('./PayAccountPage.vue'),
      meta: { title: 'pay.title', may: 'payments.manage' },
    },
    {
      path: 'platform/pay',
      name: 'platform-pay',
      component: () => import('./PlatformPayPage.vue'),
      meta: { title: 'pay.title', for: 'operator' },
    },
  ],
  menu: [
    { group: 'settings', order: 1, route: 'pay-account', label: 'pay.title', icon: CreditCard },
    { group: 'platform', order: 6, route: 'platform-pay', label: 'pay.title', icon: CreditCard },
  ],
} satisfies Area
