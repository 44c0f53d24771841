import { wholePathIdentity } from './whole-path-identity.ts'

wholePathIdentity('all engines embedded', async () => ({ flags: [], cleanup: async () => {} }))
