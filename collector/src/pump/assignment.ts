import { createHash } from 'node:crypto'
import type { MemberRow, PartitionRole } from '../ports/oltp.ts'

/** The roles that a member has for each partition it owns any of. */
export type Assignment = ReadonlyMap<number, readonly PartitionRole[]>

/**
 * Who owns what, decided by everybody for himself from the list of living members: for each partition and role the
 * member with the greatest hash of both (rendezvous hashing: Thaler and Ravishankar, 1998). A member that comes or goes
 * moves only its own share. Members who see different lists for a moment may both think they own a partition: the
 * epoch in the OLTP decides between them.
 */
export function assignPartitions(member: string, members: readonly MemberRow[], partitions: number): Assignment {
  const owned = new Map<number, readonly PartitionRole[]>()
  for (let partition = 0; partition < partitions; partition += 1) {
    // Both roles go to the same member where they can: what it decided is then in its memory when it loads.
    const roles = (['pump', 'load'] as const).filter((role) => ownerOf(partition, members.filter((candidate) => candidate.roles.includes(role))) === member)
    if (roles.length > 0) owned.set(partition, roles)
  }
  return owned
}

function ownerOf(partition: number, candidates: readonly MemberRow[]): string | undefined {
  let best: { readonly member: string; readonly weight: string } | undefined
  for (const { member } of candidates) {
    const weight = createHash('sha256').update(`${partition}/${member}`).digest('hex')
    if (best === undefined || weight > best.weight) best = { member, weight }
  }
  return best?.member
}
