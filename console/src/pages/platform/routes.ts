import { OfficeBuilding } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'platform/merchants',
      name: 'merchants',
      component: () => import('./MerchantListPage.vue'),
      meta: { title: 'platform.merchants.title', for: 'operator' },
    },
    {
      path: 'platform/merchants/:id(\\d+)',
      name: 'merchant',
      component: () => import('./MerchantPage.vue'),
      props: true,
      meta: { title: 'platform.merchant.title', for: 'operator', under: 'merchants' },
    },
  ],
  menu: [{ group: 'platform', order: 1, route: 'merchants', label: 'platform.merchants.title', icon: OfficeBuilding }],
} satisfies Area
