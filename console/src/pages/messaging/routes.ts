import type { Area } from '@/areas'

export default { routes: [], menu: [] } satisfies Area
