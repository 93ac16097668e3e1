/** The only place with code for one platform: everything else asks `platform`. */

// #ifdef H5
import { createH5 } from './h5'
// #endif
// #ifdef MP-WEIXIN
import { createMini } from './mini'
// #endif
import type { Platform } from './types'

let create: () => Platform
// #ifdef H5
create = createH5
// #endif
// #ifdef MP-WEIXIN
create = createMini
// #endif

export const platform: Platform = create()
export * from './types'
