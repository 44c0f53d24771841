/** Of every answer of the read side: nobody may keep it, or take it for something else than JSON. */
export const jsonHeaders = Object.freeze({
  'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
} as const)
