/** Stores that break a promise of their port: the simulation has to find each of them out. */
export const sabotages = Object.freeze([
  /** The OLTP does not look at the epoch. */
  'no-fencing',
  /** What a transaction wrote so far stays where it ends in the middle. */
  'torn-commit',
  /** The OLTP knows no message id that it has seen. */
  'no-duplicate-check',
  /** Two transactions may write what both have read. */
  'no-row-locks',
  /** The OLAP stores a repeated insert again. */
  'no-insert-token',
  /** Of some objects only a part is stored. */
  'torn-object',
  /** An object is answered as stored and is not. */
  'forgotten-object',
  /** The log lets go of what it has shown to a reader. */
  'forgetful-log',
] as const)

export type Sabotage = (typeof sabotages)[number]
