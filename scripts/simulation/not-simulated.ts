/** A part of a port that no history reaches. */
export async function notSimulated<T>(): Promise<T> {
  throw new Error('the simulation has no such thing')
}
