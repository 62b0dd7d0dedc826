import type { ServerFrame } from './frames.ts'

type Fields = Record<string, unknown>

/** What the client relies on in each frame, no more; with `?` it may be absent. Unknown types are ignored (§1.8). */
const FIELDS: Readonly<Record<ServerFrame['type'], string>> = {
  welcome: 'protocol nonce timeMs heartbeatMs user publisher maxDataBytes maxBatchBytes',
  run: 'channel after? messages',
  gap: 'channel from to reason',
  ack: 'sequence position id',
  error: 'code message? status? channel? sequence? retryAfterMs?',
  heartbeat: 'timeMs?',
  goodbye: 'retryAfterMs',
}
const MESSAGE = 'offset id timeMs sender? publisher?'

/**
 * A field's name tells its type: durations, times and numbers are counts, what has no other type is text. A pause is cut to the five
 * minutes that `Retry-After` may ask for: one frame must not put a client away for years.
 */
const fits = (frame: Fields, fields: string): boolean =>
  fields.split(' ').every((field) => {
    const name = field.replace('?', '')
    const value = frame[name]
    if (value === undefined) return name !== field
    if (name === 'protocol') return value === 1
    if (name === 'messages') return (value as Fields[]).every((message) => fits(message, MESSAGE))
    if (name === 'retryAfterMs') frame[name] = Math.min(value as number, 300_000)
    if (/Ms|max|status|sequence|offset/.test(name)) return Number.isSafeInteger(value) && (value as number) > -1
    return typeof value === 'string' && (name !== 'id' || /^[\w-]{1,64}$/.test(value))
  })

/**
 * The frames of a batch from the hub; `null` when it is not a batch or a known frame is malformed: then nothing of it
 * counts, for it is not the hub's (PROTOCOL.md §6.2). Unknown frames and things that are no frames are left out.
 */
export const readServerBatch = (text: string): ServerFrame[] | null => {
  try {
    // What is no array where there should be one, or null, throws here too.
    const frames = (JSON.parse(text) as ServerFrame[]).filter(({ type }) => Object.hasOwn(FIELDS, type))
    return frames.every((frame) => fits(frame as unknown as Fields, FIELDS[frame.type])) ? frames : null
  } catch {
    return null
  }
}
