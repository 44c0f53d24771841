import { wholePathSegments } from './whole-path-segments.ts'

wholePathSegments('all engines embedded', async () => ({ flags: [], cleanup: async () => {} }))
