const SINGLE = 70
const PART = 67

/** Characters as carriers count them: those outside of Unicode's first plane take two places, as they do here. */
export const smsLength = (text: string): number => text.length

/** How a text is cut for the bill: one message up to 70 characters, otherwise parts of 67. */
export function smsCut(text: string): number[] {
  const length = smsLength(text)
  if (length <= SINGLE) return [length]
  const whole = Array.from({ length: Math.floor(length / PART) }, () => PART)
  return length % PART ? [...whole, length % PART] : whole
}

/** Within how many characters a part is a pity: it could be had for nothing by saying it shorter. */
const PITY = 5

/** By how many characters a text of this length is in another part, when those are few; else 0 (U-11). */
export function smsOver(length: number): number {
  if (length <= SINGLE) return 0
  const over = length <= 2 * PART ? length - SINGLE : length % PART || PART
  return over <= PITY ? over : 0
}
