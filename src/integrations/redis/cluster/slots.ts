const SLOTS = 16_384

/** CRC16 of XMODEM, a byte at a time. */
const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

/** The hash slot of a name: of what stands in its first braces, or of all of it. */
export const slotOf = (name: string): number => {
  const open = name.indexOf('{')
  const close = open < 0 ? -1 : name.indexOf('}', open + 1)
  const hashed = close > open + 1 ? name.slice(open + 1, close) : name
  let crc = 0
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0)
  return crc % SLOTS
}

/** Slots `from` to `to`, both included, and the address of their master. */
export interface SlotRange {
  readonly from: number
  readonly to: number
  readonly address: string
}

/** Which master has which slot, as far as it is known. An address is `host:port`. */
export class SlotTable {
  #owners: (string | undefined)[] = []
  #addresses = new Set<string>()

  owner(slot: number): string | undefined {
    return this.#owners[slot]
  }

  /** All masters that have a slot. */
  get addresses(): ReadonlySet<string> {
    return this.#addresses
  }

  move(slot: number, address: string): void {
    this.#owners[slot] = address
    this.#addresses.add(address)
  }

  replace(ranges: readonly SlotRange[]): void {
    this.#owners = new Array<string | undefined>(SLOTS)
    for (const { from, to, address } of ranges) this.#owners.fill(address, from, to + 1)
    this.#addresses = new Set(ranges.map(({ address }) => address))
  }
}
