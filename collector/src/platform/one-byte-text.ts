/**
 * Bytes as a text of one character each (Latin-1). The engine keeps it in half the memory of other text, cuts it
 * without copying, and writes it out without looking at it: for what is passed on far more often than read.
 */
export function oneByteText(text: string): string {
  // Only ASCII takes as many bytes as it has units.
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1')
}

/** The text that the bytes of such a text say in UTF-8. */
export function textOfOneByte(oneByte: string): string {
  return Buffer.byteLength(oneByte) === oneByte.length ? oneByte : Buffer.from(oneByte, 'latin1').toString('utf8')
}

/** The bytes of several such texts, without the text of all between, which would be a large object of its own. */
export function joinedBytes(oneByte: readonly string[]): Buffer<ArrayBuffer> {
  const joined = Buffer.allocUnsafe(oneByte.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const text of oneByte) at += joined.write(text, at, 'latin1')
  return joined
}
