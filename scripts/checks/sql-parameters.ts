import ts from 'typescript'
import type { SourceFile, Violation } from './source-files.ts'

/** A statement, or a piece of one that begins like it. */
const looksLikeSql = /^\s*(?:SELECT|INSERT|REPLACE INTO|UPDATE|DELETE FROM|CREATE|DROP|ALTER|OPTIMIZE|KILL|WITH \w+ AS|FROM|WHERE|AND|OR|LEFT JOIN|ORDER BY)\s/i

/**
 * Where SQL is written. The segments' compiler puts statements together of pieces, with every value behind a parameter
 * of query/segments/sql-parameters.ts; a brute-force oracle with hostile names and values holds it to that.
 */
const folders = /^collector\/src\/(?:stores\/(?:oltp|olap)|query|pump)\/(?!segments\/|.*\.test\.ts$)/

/**
 * Pieces that may stand in a statement although they are no constants of the file, each with the reason why no value
 * of a client can be in it. What is not here and no constant goes through a parameter.
 */
const known: ReadonlyMap<string, string> = new Map([
  ['table', 'name of a table, from a list in the code'], ['feed', 'name of a table, from a list in the code'], ['register', 'name of a table, a constant'],
  ['end', 'name of a column, `a` or `b`'], ['column', 'name of a column, from a list in the code'], ['role', 'one of partitionRoles'],
  ['condition', 'text with a placeholder for each value from a list in the code, or conditionOf'], ['where', 'text with placeholders, made beside its values'], ['past', 'text with placeholders, one of two constants'],
  ['conditions.join(\' AND \')', 'texts with placeholders, made beside their values'], ['conditions.map(([text]) => text).join(\' AND \')', 'texts with placeholders, made beside their values'],
  ["pairs.map(() => '(a = ? AND b = ?)').join(' OR ')", 'placeholders, one a value'], ['period', 'a whole number that the code computes from a time'], ['tableOf(week)', 'name of a table, made of such a number'],
  ['Math.trunc(limit)', 'a number'], ['durableParts', 'a constant of event-table.ts'],
  ['settingsClause', 'settings of a request, each value quoted where it is built'], ['quotedText(path)', 'a file of the engine, quoted'], ['quotedText(format)', 'one of a closed list, quoted'], ['generation', 'a whole number from the store'], ['database', 'name of the database, from the configuration and checked there'], ['this.#database', 'the same'],
  ['reportPeriods[by]', 'from a list in the code'], ['rowsMax + 1', 'a number'], ['tableOf(week)', 'a table by the number of its week'], ["tableOf(numberOf(run, 'week'))", 'the same'], ['conditionOf(selection)', 'UUIDs and whole numbers, each checked'],
  ['events', 'name of a table, made of a whole number'], ['names', 'names of settings, from a list in the code'], ['credentials', 'of the configuration, quoted'], ['consentColumns', 'names of columns, a constant'],
  ['lock', 'one of two constants'], ['cursor', 'name of a cursor, from a list in the code'], ["at('decided')", 'a join by such a name'], ["at('archived')", 'the same'], ["at('loaded')", 'the same'],
  ['name', 'name of a table, made of the database and a list in the code'], ['emptyMonth', 'a whole number from system.parts'], ['quotedText(sql)', 'the operator\'s own statement, quoted'], ['columns.join(\', \')', 'names of columns, from a list in the code'],
])

/**
 * Statements in which something is put that neither is a constant nor one of the pieces above. It cannot follow a value
 * through a program; it makes every new place where text becomes SQL one that somebody has looked at.
 */
export function findSqlInterpolation(files: readonly SourceFile[]): readonly Violation[] {
  return files.filter(({ path }) => folders.test(path)).flatMap(({ path, text }) => {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const constants = constantsOf(source)
    const found: Violation[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isTemplateExpression(node) && looksLikeSql.test(node.head.text)) {
        for (const { expression } of node.templateSpans) {
          if (isConstant(expression, constants)) continue
          const line = source.getLineAndCharacterOfPosition(expression.getStart(source)).line + 1
          found.push({ path, line, message: `SQL with \${${expression.getText(source)}}: give it as a parameter` })
        }
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    return found
  })
}

function isConstant(expression: ts.Expression, constants: ReadonlySet<string>): boolean {
  const text = expression.getText().replaceAll(/\s+/g, ' ')
  if (ts.isConditionalExpression(expression)) return isConstant(expression.whenTrue, constants) && isConstant(expression.whenFalse, constants)
  if (ts.isTemplateExpression(expression)) return expression.templateSpans.every((span) => isConstant(span.expression, constants))
  if (ts.isStringLiteralLike(expression) || ts.isNumericLiteral(expression)) return true
  return constants.has(text) || known.has(text)
}

/** Constants of the file itself, and what is imported under a name for SQL alone. */
function constantsOf(source: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>()
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement) || (statement.declarationList.flags & ts.NodeFlags.Const) === 0) continue
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(name) || initializer === undefined) continue
      if (isConstant(initializer, names) || isListOfTexts(initializer)) names.add(name.text)
    }
  }
  return names
}

/** `['a', 'b'].join(', ')` and the like. */
function isListOfTexts(node: ts.Expression): boolean {
  return ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === 'join'
    && ts.isArrayLiteralExpression(node.expression.expression) && node.expression.expression.elements.every((one) => ts.isStringLiteralLike(one))
}
