/**
 * The small proof of work that the server asks for while a shop's hour is above its usual: find a number so that SHA-256 of
 * `challenge.number` begins with so many zero bits. No service of others takes part. It is done in slices, so that the page
 * goes on answering; pages in WeChat have neither workers for this nor Web Crypto, so the hash is here (FIPS 180-4).
 */

const SLICE_MS = 30

const K = constants(64, 1 / 3)
const START = constants(8, 1 / 2)

/** The first 32 bits of the fractional parts of a root of the first primes. */
function constants(count: number, power: number): Int32Array {
  const found = new Int32Array(count)
  for (let n = 2, known = 0; known < count; n += 1) {
    let prime = true
    for (let divisor = 2; divisor * divisor <= n && prime; divisor += 1) prime = n % divisor !== 0
    if (prime) found[known++] = fraction(n ** power)
  }
  return found
}

function fraction(root: number): number {
  return ((root - Math.floor(root)) * 0x1_0000_0000) | 0
}

const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

/** SHA-256 of an ASCII text, as eight words. */
export function sha256(text: string): Int32Array {
  const blocks = Math.ceil((text.length + 9) / 64)
  const words = new Int32Array(blocks * 16)
  const put = (byte: number, at: number) => (words[at >> 2] = (words[at >> 2] as number) | (byte << (24 - (at % 4) * 8)))
  for (let at = 0; at < text.length; at += 1) put(text.charCodeAt(at), at)
  put(0x80, text.length)
  words[words.length - 1] = text.length * 8
  const state = Int32Array.from(START)
  const w = new Int32Array(64)
  for (let block = 0; block < blocks; block += 1) mix(state, w, words, block * 16)
  return state
}

function mix(state: Int32Array, w: Int32Array, words: Int32Array, from: number): void {
  for (let i = 0; i < 16; i += 1) w[i] = words[from + i] as number
  for (let i = 16; i < 64; i += 1) {
    const a = w[i - 15] as number
    const b = w[i - 2] as number
    const low = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)
    const high = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10)
    w[i] = ((w[i - 16] as number) + low + (w[i - 7] as number) + high) | 0
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let i = 0; i < 64; i += 1) {
    const high = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
    const first = (h + high + ((e & f) ^ (~e & g)) + (K[i] as number) + (w[i] as number)) | 0
    const low = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)
    const second = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  ;[a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] = ((state[i] as number) + word) | 0))
}

/** Whether a hash begins with so many zero bits (at most 32). */
export const begins = (hash: Int32Array, bits: number): boolean => (hash[0] as number) >>> (32 - bits) === 0

/** The answer to a challenge; takes a phone about a second for 16 bits. */
export async function solve(challenge: string, bits: number): Promise<string> {
  for (let number = 0; ; ) {
    for (const until = Date.now() + SLICE_MS; Date.now() < until; ) {
      for (let some = 0; some < 200; some += 1, number += 1) {
        if (begins(sha256(`${challenge}.${number}`), bits)) return String(number)
      }
    }
    await new Promise((resolve) => setTimeout(resolve))
  }
}
