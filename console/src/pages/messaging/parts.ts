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
