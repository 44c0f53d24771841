import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { debianProgram } from './debian-program.ts'
import type { MissingEngine } from './started-engine.ts'

export interface JavaProgram {
  /** Names the directory in the user's cache, so the version belongs in it. */
  readonly name: string
  /** `group:artifact:version`. */
  readonly artifact: string
  /** Bills of material whose versions win over those the artifact asks for, `group:artifact:version` each. */
  readonly aligned: readonly string[]
}

/** The directory with all jars that a program on Java 17 or later needs; Maven brings them once a version. */
export function mavenJars({ name, artifact, aligned }: JavaProgram): string | MissingEngine {
  for (const [program, debianPackage] of [['java', 'openjdk-17-jre-headless'], ['mvn', 'maven']] as const) {
    const found = debianProgram(program, debianPackage)
    if (typeof found !== 'string') return found
  }
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace-engines')
  const jars = join(cache, name)
  if (existsSync(jars)) return jars
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'copying-'))
  const project = join(directory, 'pom.xml')
  writeFileSync(project, projectText(artifact, aligned))
  const ran = spawnSync('mvn', ['-q', '-B', '-f', project, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(directory, 'lib')}`], { encoding: 'utf8' })
  // Whole or not there: what was broken off is never taken for a program.
  if (ran.status === 0) renameSync(join(directory, 'lib'), jars)
  rmSync(directory, { recursive: true, force: true })
  if (existsSync(jars)) return jars
  return { missing: `Maven could not bring ${artifact}: ${(ran.error?.message ?? ran.stdout).trim().split('\n').at(-1) ?? ''}` }
}

function projectText(artifact: string, aligned: readonly string[]): string {
  const managed = aligned.map((bill) => `<dependency>${coordinates(bill)}<type>pom</type><scope>import</scope></dependency>`).join('\n')
  return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>millrace.test</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging>
<dependencyManagement><dependencies>
${managed}
</dependencies></dependencyManagement>
<dependencies><dependency>${coordinates(artifact)}</dependency></dependencies>
</project>
`
}

function coordinates(text: string): string {
  const [group = '', artifact = '', version = ''] = text.split(':')
  return `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`
}
