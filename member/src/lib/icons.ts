/** Our own line icons (24×24) as base64 images: no font, no request. */

const PATHS = {
  card: '<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="M3 10h18M7 15h4"/>',
  wallet: '<path d="M4 7.5A2.5 2.5 0 0 1 6.5 5H18v3"/><rect x="4" y="8" width="17" height="11" rx="2"/><path d="M16 13.5h1"/>',
  code: '<path d="M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M16 4h2.5A1.5 1.5 0 0 1 20 5.5V8M20 16v2.5a1.5 1.5 0 0 1-1.5 1.5H16M8 20H5.5A1.5 1.5 0 0 1 4 18.5V16M7 9v6M10.5 9v6M13.5 9v6M17 9v6"/>',
  coupon: '<path d="M3 7.5h18v3.200a1.800 1.800 0 0 0 0 3.100v3.200H3v-3.200a1.800 1.800 0 0 0 0-3.100zM14.5 8v1.5M14.5 11.5v1.5M14.5 15v1.5"/>',
  points: '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5l1.400 2.900 3.100.4-2.300 2.200.6 3.100-2.800-1.5-2.800 1.5.6-3.100-2.300-2.200 3.100-.4z"/>',
  yuan: '<circle cx="12" cy="12" r="8.5"/><path d="M9 7.5l3 4.5 3-4.5M12 12v5M9.200 12.5h5.600M9.200 15h5.600"/>',
  bell: '<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15zM10 20.5h4"/>',
  receipt: '<path d="M6 3.5h12v17l-2-1.400-2 1.400-2-1.400-2 1.400-2-1.400-2 1.400zM9 8h6M9 11.5h6M9 15h4"/>',
  qr: '<rect x="4" y="4" width="6" height="6" rx="1"/><rect x="14" y="4" width="6" height="6" rx="1"/><rect x="4" y="14" width="6" height="6" rx="1"/><path d="M14 14h2.5v2.5M20 14v6h-6v-1"/>',
  right: '<path d="M9 5.5l6.5 6.5L9 18.5"/>',
  refresh: '<path d="M19.5 12a7.5 7.5 0 1 1-2.200-5.300L19.5 9M19.5 4.5V9H15"/>',
  close: '<path d="M6 6l12 12M18 6L6 18"/>',
  clock: '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>',
  sun: '<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600L7 7M17 17l1.400 1.400M5.600 18.400L7 17M17 7l1.400-1.400"/>',
  empty: '<path d="M4 14l2.5-8h11L20 14v5H4zM4 14h4.5l1 2.5h5l1-2.5H20"/>',
  alert: '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5v5.5M12 16v.3"/>',
  done: '<circle cx="12" cy="12" r="8.5"/><path d="M8 12.300l2.800 2.700L16 9.5"/>',
  shop: '<path d="M4 10v9.500h16V10M3 6.500L4.500 4h15L21 6.500V9a2.250 2.250 0 0 1-4.500 0 2.250 2.250 0 0 1-4.500 0 2.250 2.250 0 0 1-4.500 0A2.250 2.250 0 0 1 3 9zM10 19.500V14h4v5.500"/>',
  picture: '<rect x="3.500" y="5" width="17" height="14" rx="2"/><circle cx="9" cy="10" r="1.600"/><path d="M4 17l5-4.500 3.500 3 3-2.500 4.500 4"/>',
  orders: '<rect x="5" y="4" width="14" height="16.500" rx="2"/><path d="M9 3v3M15 3v3M8.500 10.500h7M8.500 14h7M8.500 17h4"/>',
  plus: '<path d="M12 6v12M6 12h12"/>',
  minus: '<path d="M6 12h12"/>',
  cash: '<path d="M4 9V6.500A1.500 1.500 0 0 1 5.500 5h13A1.500 1.500 0 0 1 20 6.500V9M12 10v9.500M8.500 16l3.500 3.500 3.500-3.500"/>',
  box: '<path d="M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8"/>',
} as const

export type IconName = keyof typeof PATHS

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const made = new Map<string, string>()

export function iconUri(name: IconName, color: string): string {
  const key = `${name} ${color}`
  let uri = made.get(key)
  if (uri === undefined) {
    const line = `fill="none" stroke="${color}" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"`
    uri = `data:image/svg+xml;base64,${base64(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" ${line}>${PATHS[name]}</svg>`,
    )}`
    made.set(key, uri)
  }
  return uri
}

/** ASCII only. Mini programs have no btoa. */
function base64(text: string): string {
  let out = ''
  for (let at = 0; at < text.length; at += 3) {
    const [one, two, three] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)]
    const bits = (one << 16) | ((two || 0) << 8) | (three || 0)
    out += LETTERS.charAt(bits >> 18) + LETTERS.charAt((bits >> 12) & 63)
    out += at + 1 < text.length ? LETTERS.charAt((bits >> 6) & 63) : '='
    out += at + 2 < text.length ? LETTERS.charAt(bits & 63) : '='
  }
  return out
}
