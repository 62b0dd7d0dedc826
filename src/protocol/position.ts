/** A position taken apart (PROTOCOL.md §2). */
export interface Place {
  readonly epoch: string
  readonly offset: number
  readonly id: string
}

const SHAPE = /^([\w-]{1,64})\.(0|[1-9]\d{0,15})\.([\w-]{1,64})$/

/** Takes a position apart; `null` when it is not one. Linear in its length, which is bounded by the shape. */
export const parsePosition = (text: string): Place | null => {
  const [, epoch = '', digits, id = ''] = SHAPE.exec(text) ?? []
  const offset = Number(digits)
  // Offset 0 is "before the first message" and has the one id `0` (§2.2).
  return Number.isSafeInteger(offset) && (offset > 0 || id === '0') ? { epoch, offset, id } : null
}

/** Puts a position together. */
export const formatPosition = ({ epoch, offset, id }: Place): string => `${epoch}.${offset}.${id}`

/** "Before the first message" of an epoch. */
export const startOf = (epoch: string): Place => ({ epoch, offset: 0, id: '0' })

/** Same epoch, offset and id: the only equality there is (PROTOCOL.md §2.2). */
export const samePlace = (a: Place, b: Place): boolean => formatPosition(a) === formatPosition(b)
