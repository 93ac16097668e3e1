import { Tickets } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'purchases',
      name: 'purchases',
      component: () => import('./PurchaseListPage.vue'),
      meta: { title: 'trade.purchases.title', may: 'orders.view' },
    },
  ],
  menu: [{ group: 'trade', order: 1, route: 'purchases', label: 'trade.purchases.title', icon: Tickets }],
} satisfies Area
