import { describe, expect, it } from 'vitest'
import { dependencyFaults } from './dependencies.ts'
import { findSqlInterpolation } from './sql-parameters.ts'

describe('SQL by parameters', () => {
  const messages = (text: string, path = 'collector/src/stores/oltp/x.ts'): readonly string[] => findSqlInterpolation([{ path, text }]).map(({ line, message }) => `${line} ${message}`)

  it.each([
    ['a value', 'export const find = (email: string) => all(`SELECT * FROM profile WHERE email = ${email}`)'],
    ['a quoted value', "export const find = (email: string) => all(`select 1 from profile where email = '${email.replace('a', 'b')}'`)"],
    ['a value in a part', 'export const more = (email: string) => ` AND email = ${email}`'],
    ['a variable of the file', 'let order = "time"\nall(`SELECT 1 FROM t ORDER BY ${order}`)'],
    ['a branch that is a value', 'const a = (x: string) => all(`DELETE FROM t WHERE ${x === "" ? "1" : x}`)'],
  ])('finds %s', (_, text) => expect(messages(text)).toHaveLength(1))

  it('takes constants, parameters and text that is no SQL, and looks where SQL is', () => {
    expect(messages("const columns = 'a, b'\nconst both = `${columns}, c`\nall(`SELECT ${both} FROM t WHERE a = ?`, a)")).toEqual([])
    expect(messages('throw new Error(`${email} is not known`)')).toEqual([])
    expect(messages('all(`SELECT ${email}`)', 'collector/src/edge/x.ts')).toEqual([])
  })
})

describe('dependencies', () => {
  const lock = (resolution: string, name = 'left@1.0.0'): string => `packages:\n  ${JSON.stringify(name)}:\n    resolution: ${resolution}\n`

  it('come from the registry with a hash, and run nothing', () => {
    expect(dependencyFaults(lock('{integrity: sha512-abc}'), 'allowBuilds: { esbuild: false }')).toEqual([])
    for (const bad of ['{integrity: sha1-abc}', '{tarball: https://example.com/x.tgz}', '{integrity: sha512-abc, tarball: https://example.com/x.tgz}', '{commit: abc, repo: x, type: git}']) {
      expect(dependencyFaults(lock(bad), '')).not.toEqual([])
    }
    expect(dependencyFaults(lock('{integrity: sha512-abc}', 'left@https://example.com/x.tgz'), '')).toHaveLength(1)
    expect(dependencyFaults(lock('{integrity: sha512-abc}'), 'allowBuilds: { esbuild: true }')).toHaveLength(1)
    expect(dependencyFaults('', '')).toHaveLength(1)
  })
})
