/** What a rebuild of the profiles makes anew from the archive; the merge log, overrides, duplicate window and quarantine are history and stay. */
export const rebuiltTables: readonly string[] = Object.freeze([
  'timeline', 'identifier_metric', 'identifier_register', 'consent', 'identity_edge', 'identity_veto', 'profile', 'identifier',
])
