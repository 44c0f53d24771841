import { wholePath } from './whole-path.ts'

wholePath('all engines embedded', async () => ({ flags: [], cleanup: async () => {} }))
