import type { components } from './schema'

/** A body or answer of the API by its name in the document. */
export type Schema<K extends keyof components['schemas']> = components['schemas'][K]
