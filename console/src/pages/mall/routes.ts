import { Goods, List, Operation, Wallet } from '@element-plus/icons-vue'
import type { Area } from '@/areas'

const may = 'mall.view'

export default {
  routes: [
    {
      path: 'mall/products',
      name: 'mall-products',
      component: () => import('./ProductListPage.vue'),
      meta: { title: 'mall.products.title', may },
    },
    {
      path: 'mall/products/new',
      name: 'mall-product-new',
      component: () => import('./ProductPage.vue'),
      meta: { title: 'mall.product.add', may: 'mall.write', under: 'mall-products' },
    },
    {
      path: 'mall/products/:id',
      name: 'mall-product',
      component: () => import('./ProductPage.vue'),
      props: true,
      meta: { title: 'mall.product.title', may, under: 'mall-products' },
    },
    {
      path: 'mall/orders',
      name: 'mall-orders',
      component: () => import('./OrderListPage.vue'),
      meta: { title: 'mall.orders.title', may },
    },
    {
      path: 'mall/orders/:id',
      name: 'mall-order',
      component: () => import('./OrderPage.vue'),
      props: true,
      meta: { title: 'mall.order.title', may, under: 'mall-orders' },
    },
    {
      path: 'mall/withdrawals',
      name: 'mall-withdrawals',
      component: () => import('./WithdrawalsPage.vue'),
      meta: { title: 'mall.withdrawals.title', may },
    },
    {
      path: 'mall/settings',
      name: 'mall-settings',
      component: () => import('./MallSettingsPage.vue'),
      meta: { title: 'mall.settings.title', may: 'mall.write' },
    },
  ],
  menu: [
    { group: 'mall', order: 1, route: 'mall-products', label: 'mall.products.title', icon: Goods },
    { group: 'mall', order: 2, route: 'mall-orders', label: 'mall.orders.title', icon: List },
    { group: 'mall', order: 3, route: 'mall-withdrawals', label: 'mall.withdrawals.title', icon: Wallet },
    { group: 'mall', order: 4, route: 'mall-settings', label: 'mall.settings.title', icon: Operation },
  ],
} satisfies Area
