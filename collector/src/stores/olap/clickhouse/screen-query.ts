/** What a query may reach; its rights on the server, and `readonly`, bound it further. */
export interface QueryScope {
  readonly database: string
  /** Every table of the database, events among them. */
  readonly tables: readonly string[]
  /** Every database of the server. */
  readonly databases: readonly string[]
}

/** Read or reach what is no row of a table: files, other servers, the server's own configuration. */
const forbiddenFunctions = /^(?:file|catboostevaluate|hascolumnintable|getserversetting|getmacro|getclienthttpheader|showcertificate|__getscalar|ai(?:classify|embed|extract|generate|translate))$/i
/** Read rows past the filter of their table. */
const unfilteredFunctions = /^(?:dict\w*|joinget\w*|merge|mergetree\w*|view\w*|dictionary|loop|remote\w*|cluster\w*)$/i
/** Make rows out of nothing; every other table function of a filtered query is refused. */
const plainTableFunctions = /^(?:numbers|numbers_mt|zeros|zeros_mt|values|generate_?series|null)$/i
/** Hold nobody's rows; a SELECT without FROM reads the first. */
const plainSystemTables = /^system\.(?:one|numbers|numbers_mt|zeros|zeros_mt)(?:\.|$)/

const prefix = 'EXPLAIN QUERY TREE run_passes = 0 '

/**
 * The statement that has the engine take a query apart without running any of it. A filter on tables alone can be
 * walked around: `merge` reads past it, a dictionary has none, `file` reads the host. The engine's own parser says
 * what a query names, so nothing can be hidden from the screen by quoting.
 */
export function treeStatement(sql: string): string {
  return /^\s*explain\b/i.test(sql) ? `${prefix}SELECT * FROM (${sql}\n)` : `${prefix}${sql}`
}

/** A syntax error of {@link treeStatement} with positions as the caller counts them. */
export function withOwnPositions(message: string): string {
  return message.replaceAll(/\b(position|line 1, col) (\d+)/g, (_, what: string, at: string) => `${what} ${Math.max(1, Number(at) - prefix.length)}`)
}

/**
 * Why the query must not run; null if it may. `tree` is the answer to {@link treeStatement}; with a
 * `scope` the query may see its database's events and nothing else. An answer of another form is refused.
 */
export function queryFault(tree: string, scope: QueryScope | null): string | null {
  if (!/^(?:QUERY|UNION) id: 0\b/.test(tree)) return 'only a SELECT can be asked'
  // Wherever they stand: an alias is the user's text, holds commas and line breaks as it likes, and comes before the name.
  for (const [, kind = '', name = ''] of tree.matchAll(/\b(table_function_name|function_name|identifier): (.*?)(?=, |\n|$)/g)) {
    const fault = kind === 'identifier' ? identifierFault(name, scope) : functionFault(name, kind === 'table_function_name', scope)
    if (fault !== null) return fault
  }
  return null
}

function functionFault(name: string, makesTable: boolean, scope: QueryScope | null): string | null {
  if (makesTable) return scope === null || plainTableFunctions.test(name) ? null : `the table function ${name} is not allowed for one workspace`
  return isForbidden(name, scope) ? `the function ${name} is not allowed here` : null
}

function isForbidden(name: string, scope: QueryScope | null): boolean {
  return forbiddenFunctions.test(name) || scope !== null && unfilteredFunctions.test(name)
}

/** Also a function can be given by its bare name, as `APPLY(file)` and `arrayMap(file, …)` do. */
function identifierFault(name: string, scope: QueryScope | null): string | null {
  if (isForbidden(name, scope)) return `the function ${name} is not allowed here`
  if (scope === null || plainSystemTables.test(name)) return null
  const [first = '', second] = name.split('.')
  if (second !== undefined && first === scope.database) return isEvents(second) ? null : hidden(name)
  if (second !== undefined && scope.databases.some((database) => database.toLowerCase() === first.toLowerCase())) return hidden(name)
  return scope.tables.includes(first) && !isEvents(first) ? hidden(name) : null
}

function isEvents(table: string): boolean {
  return /^events$|^event_g\d+$/.test(table)
}

function hidden(name: string): string {
  return `${name} is not visible to one workspace; its events are`
}
