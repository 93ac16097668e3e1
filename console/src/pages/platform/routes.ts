import { ChatLineSquare, OfficeBuilding, Stamp } from '@element-plus/icons-vue'
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
    {
      path: 'platform/sms',
      name: 'platform-sms',
      component: () => import('./SmsPlatformPage.vue'),
      meta: { title: 'gateway.title', for: 'operator' },
    },
    {
      path: 'platform/reviews',
      name: 'reviews',
      component: () => import('./ReviewListPage.vue'),
      meta: { title: 'reviews.title', for: 'operator' },
    },
  ],
  menu: [
    { group: 'platform', order: 1, route: 'merchants', label: 'platform.merchants.title', icon: OfficeBuilding },
    { group: 'platform', order: 2, route: 'platform-sms', label: 'gateway.title', icon: ChatLineSquare },
    { group: 'platform', order: 3, route: 'reviews', label: 'reviews.title', icon: Stamp },
  ],
} satisfies Area
