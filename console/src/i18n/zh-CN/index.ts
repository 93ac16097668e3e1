const files = import.meta.glob<Record<string, unknown>>('./*.json', { eager: true, import: 'default' })

/** One file per area; its name is the first part of the keys. */
export const texts = Object.fromEntries(
  Object.entries(files).map(([path, content]) => [path.slice(2, -'.json'.length), content]),
)
