/**
 * What one key may send; null: as much as the process takes. Each edge process counts for itself, so behind two edges a
 * key may send twice as much.
 */
export interface KeyLimits {
  readonly eventsPerSecond: number | null
  /** Events that may come at once after a pause; null: as many as in one second. */
  readonly burstEvents: number | null
  /** Bytes of bodies after decompression. */
  readonly bytesPerSecond: number | null
  /** Events of a day in UTC that were answered as stored. */
  readonly eventsPerDay: number | null
}

export const noLimits: KeyLimits = Object.freeze({ eventsPerSecond: null, burstEvents: null, bytesPerSecond: null, eventsPerDay: null })

/** The greatest value of any limit, which a double holds exactly in every store. */
export const keyLimitMax = 1_000_000_000_000

export interface KeyRow {
  /** Short public name of the key, for listing and revoking. */
  readonly id: string
  readonly workspace: number
  readonly kind: 'write' | 'secret'
  /** SHA-256 of the key in hex; the key itself is never stored. */
  readonly hash: string
  readonly createdAt: number
  readonly revokedAt: number | null
  readonly limits: KeyLimits
}

/** Administration of keys. */
export interface KeyStore {
  /** A key that is there already stays as it is. */
  putKey(row: KeyRow): Promise<void>
  /** Replaces the key's limits. False if there is no such live key. */
  limitKey(id: string, limits: KeyLimits): Promise<boolean>
  /** False if there is no such live key. */
  revokeKey(id: string, revokedAt: number): Promise<boolean>
}
