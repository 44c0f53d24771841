/** What a rebuild of the profiles makes anew from the archive, beside events and what is counted of them; the merge log, overrides, duplicate window and quarantine are history and stay. */
export const rebuiltTables: readonly string[] = Object.freeze(['identifier_register', 'consent', 'identity_edge', 'identity_veto', 'profile', 'identifier'])
