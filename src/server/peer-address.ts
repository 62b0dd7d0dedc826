import { isIP } from 'node:net'

/** The longest entry that is looked at: an IPv6 address with an IPv4 end, brackets and a port. */
const MOST_CHARS = 64
const MOST_PROXIES = 16

/** What is known of the sender of a request. */
export interface AddressFacts {
  header(name: string): string | undefined
  readonly remoteAddress: string | undefined
}

/** `trustProxy` as a count; throws a `TypeError` for what is none. */
export const proxiesOf = (trustProxy = 0): number => {
  if (Number.isInteger(trustProxy) && trustProxy >= 0 && trustProxy <= MOST_PROXIES) return trustProxy
  throw new TypeError(
    `holdfast: trustProxy must be a number of proxies, 0 to ${MOST_PROXIES}, not ${String(trustProxy)}`,
  )
}

/**
 * What stands for the address of a peer: an IPv4 address, or the first 64 bits of an IPv6 address, for one network has
 * as many of the rest as it likes. Undefined where the platform tells none.
 *
 * Of `X-Forwarded-For` the last `trustProxy` entries are believed, from right to left; one that is no address ends it, and
 * the one behind it counts.
 */
export const peerAddress = (request: AddressFacts, trustProxy: number): string | undefined => {
  let address = networkOf(request.remoteAddress ?? '')
  const forwarded = trustProxy > 0 ? (request.header('x-forwarded-for') ?? '') : ''
  // Nothing to the left of what is believed is looked at, however long it is.
  for (let left = trustProxy, end = forwarded.length; left > 0 && end > 0; left--) {
    const comma = forwarded.lastIndexOf(',', end - 1)
    const entry = end - comma > MOST_CHARS ? '' : forwarded.slice(comma + 1, end)
    const next = networkOf(withoutPort(entry.trim()))
    if (next === undefined) break
    address = next
    end = comma
  }
  return address
}

const withoutPort = (entry: string): string =>
  /^\[([^\]]*)\](?::\d{1,5})?$/.exec(entry)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(entry)?.[1] ?? entry

const networkOf = (address: string): string | undefined => {
  const kind = isIP(address)
  if (kind !== 6) return kind === 4 ? address : undefined
  const groups = groupsOf(address.replace(/%.*$/, ''))
  // An IPv4 address in the clothes of IPv6, as sockets that listen to both tell it.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [groups[6] ?? 0, groups[7] ?? 0].map((group) => `${group >> 8}.${group & 0xff}`).join('.')
  }
  const network = groups.slice(0, 4).map((group) => group.toString(16))
  return `${network.join(':')}::/64`
}

/** The eight groups of a valid IPv6 address. */
const groupsOf = (address: string): number[] => {
  const [head = '', tail] = address.split('::')
  const before = partsOf(head)
  if (tail === undefined) return before
  const after = partsOf(tail)
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

const partsOf = (text: string): number[] =>
  text === ''
    ? []
    : text.split(':').flatMap((group) => {
        if (!group.includes('.')) return [parseInt(group, 16)]
        const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
        return [a * 256 + b, c * 256 + d]
      })
