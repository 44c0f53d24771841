import { BlockList, isIP } from 'node:net'

/**
 * Whether an address is one of the public internet, by the registries of special-purpose addresses (IANA, RFC 6890 and
 * its successors). Of IPv6 only 2000::/3 is public, less what stands for an IPv4 address or for documentation.
 */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return !special4.check(address, 'ipv4')
  if (version !== 6) return false
  return global6.check(address, 'ipv6') && !special6.check(address, 'ipv6')
}

const special4 = listOf('ipv4', [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24],
  ['192.0.2.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24],
  ['224.0.0.0', 4], ['240.0.0.0', 4],
])
const global6 = listOf('ipv6', [['2000::', 3]])
const special6 = listOf('ipv6', [['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20]])

function listOf(family: 'ipv4' | 'ipv6', networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, family)
  return list
}
