/** Stands for the user's own id while a pattern is kept. */
const USER_ID = Symbol('userId')

/** What stands between two `*`. */
type Piece = readonly (string | typeof USER_ID)[]

/** A pattern that was read: at least one piece. */
export type ChannelPattern = readonly Piece[]

const MOST_CHARS = 256
const MOST_STARS = 4

/**
 * Reads a pattern: literal text, `*` for any run of characters, `{userId}` for the user's own id.
 * @throws TypeError that says what is wrong
 */
export const readPattern = (text: unknown): ChannelPattern => {
  if (typeof text !== 'string' || text === '') throw new TypeError('the pattern must be a text that is not empty')
  if (text.length > MOST_CHARS) throw new TypeError(`the pattern may have ${MOST_CHARS} characters at most`)
  const pieces = text.split('*')
  if (pieces.length > MOST_STARS + 1) throw new TypeError(`the pattern may have ${MOST_STARS} times * at most`)
  return pieces.map(readPiece)
}

/** The same without `{userId}`. `what`: what the pattern is for. @throws TypeError that says what is wrong */
export const readSharedPattern = (text: unknown, what: string): ChannelPattern => {
  if (typeof text === 'string' && text.includes('{')) {
    throw new TypeError(`${what} is the same for all users: no {userId} here`)
  }
  return readPattern(text)
}

const readPiece = (text: string): Piece =>
  text.split(/(\{\w+\})/).map((part, index) => {
    if (index % 2 === 0) return part
    if (part === '{userId}') return USER_ID
    throw new TypeError(`the pattern has ${part}; the only one that is known is {userId}`)
  })

/**
 * Whether a name fits, for a user or for nobody. Each piece is looked for once, behind the one before it, so the work is bounded by the
 * length of the name times that of the pattern.
 */
export const fitsPattern = (pattern: ChannelPattern, name: string, userId: string | null): boolean => {
  const texts: string[] = []
  for (const piece of pattern) {
    if (userId === null && piece.includes(USER_ID)) return false
    texts.push(piece.map((part) => (part === USER_ID ? userId : part)).join(''))
  }
  const [first = '', ...rest] = texts
  const last = rest.pop()
  if (last === undefined) return name === first
  if (!name.startsWith(first) || !name.endsWith(last)) return false
  const endAt = name.length - last.length
  let at = first.length
  for (const text of rest) {
    const found = name.indexOf(text, at)
    if (found === -1) return false
    at = found + text.length
  }
  return at <= endAt
}
