import type { SourceFile, Violation } from './source-files.ts'

interface Rule {
  readonly pattern: RegExp
  readonly message: string
  readonly testsOnly?: true
}

const rules: readonly Rule[] = [
  { pattern: /\/(?:tmp|work)\/[a-z0-9]|(?:^|[\s'"`(=])\/(?:home|root|Users)\/\w/, message: "names one machine's path" },
  { pattern: /https?:\/\/(?:registry|proxy|repo1?|deb|files)\./, message: 'names a registry host' },
  { pattern: /\b(?:it|test|describe)\.(?:only|todo)\b|\bx(?:it|describe)\(/, message: 'leaves tests out of the run', testsOnly: true },
  { pattern: /@ts-(?:ignore|nocheck)|\b(?:ox|es)lint-disable/, message: 'turns a check off' },
]

/** Lines that say what the repository must not say. Text inside template literals counts as well. */
export function findWording(files: readonly SourceFile[]): readonly Violation[] {
  return files.flatMap(({ path, text }) => {
    const isTest = /\.test\.tsx?$/.test(path)
    const wanted = rules.filter(({ testsOnly }) => isTest || testsOnly !== true)
    return text.split('\n').flatMap((line, index) =>
      wanted.filter(({ pattern }) => pattern.test(line)).map(({ message }) => ({ path, line: index + 1, message })))
  })
}
