/** A UUIDv7 (RFC 9562): the time in milliseconds, then bits from the platform's secure source. Shorter than the server's, which is faster. */
export function freshId(nowMs = Date.now()): string {
  // Four words, of which two and a half are needed, make up for the zeros that a word may begin with.
  const random = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16)).join('')
  // Eleven digits tell the time from 2004 to 2527.
  return `0${nowMs.toString(16)}7${random.slice(0, 3)}a${random.slice(3, 18)}`.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
