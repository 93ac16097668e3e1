/** A random UUID (version 4). Mini programs have no crypto object; these ids need to be unique, not secret. */
export function uuid(): string {
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, (letter) => {
    const random = Math.floor(Math.random() * 16)
    return (letter === 'x' ? random : (random % 4) + 8).toString(16)
  })
}

/** Whether two spellings (with or without dashes) name the same record. */
export function sameId(one: string | null | undefined, other: string | null | undefined): boolean {
  return !!one && !!other && one.replace(/-/g, '').toLowerCase() === other.replace(/-/g, '').toLowerCase()
}
