import { wholePathSettings } from './whole-path-settings.ts'

wholePathSettings('all engines embedded', async () => ({ flags: [], cleanup: async () => {} }))
