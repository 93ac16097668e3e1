import type { Component } from 'vue'
import type { RouteRecordRaw } from 'vue-router'

declare module 'vue-router' {
  interface RouteMeta {
    /** Key of the page's title. */
    title?: string
    /** Permission the page needs; the server checks it again. */
    may?: string
    /** Who the page is for; staff when it says nothing. */
    for?: 'staff' | 'operator' | 'both'
    /** The menu entry that is lit on this page, when it is not its own: name of that route. */
    under?: string
    /** The tab that is lit on this page, when it is not its own: name of that route. */
    tab?: string
    public?: boolean
  }
}

/** Groups of the side bar in their order; `folder` groups are shown as one that opens and closes. */
export const GROUPS = ['home', 'members', 'trade', 'mall', 'apps', 'micro', 'settings', 'platform', 'system'] as const
export type Group = (typeof GROUPS)[number]

export interface MenuEntry {
  group: Group
  /** Place within the group. */
  order: number
  /** Name of the route; its meta says the permission and who it is for. */
  route: string
  /** Key of the label. */
  label: string
  icon: Component
}

/** What an area of the console adds: default export of its `routes.ts`. */
export interface Area {
  routes: RouteRecordRaw[]
  menu: MenuEntry[]
}

const found = import.meta.glob<Area>('./pages/*/routes.ts', { eager: true, import: 'default' })

export const areas: Area[] = Object.values(found)
