import { Coin } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'loyalty',
      name: 'loyalty',
      component: () => import('./LoyaltyPage.vue'),
      meta: { title: 'loyalty.title', may: 'loyalty.view' },
    },
  ],
  menu: [{ group: 'members', order: 3, route: 'loyalty', label: 'loyalty.title', icon: Coin }],
} satisfies Area
