import { Ticket } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

export default {
  routes: [
    {
      path: 'coupons',
      name: 'coupons',
      component: () => import('./CouponListPage.vue'),
      meta: { title: 'coupons.list.title', may: 'coupons.redeem' },
    },
    {
      path: 'coupons/:id',
      name: 'coupon',
      component: () => import('./CouponPage.vue'),
      props: true,
      meta: { title: 'coupons.detail.title', may: 'coupons.view', under: 'coupons' },
    },
  ],
  menu: [{ group: 'members', order: 2, route: 'coupons', label: 'coupons.list.title', icon: Ticket }],
} satisfies Area
