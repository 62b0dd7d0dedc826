import type { ServerFrame } from './frames.ts'

type Fields = Readonly<Record<string, unknown>>

const isText = (value: unknown): boolean => typeof value === 'string'
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
/** Absent, or as the check wants it. */
const maybe = (check: (value: unknown) => boolean, value: unknown): boolean => value === undefined || check(value)

const isMessage = (value: unknown): boolean =>
  isObject(value) &&
  isCount(value['offset']) &&
  isText(value['id']) &&
  isCount(value['timeMs']) &&
  maybe(isText, value['sender']) &&
  maybe(isText, value['publisher'])

/** One check a frame type: what the client relies on, no more. Unknown types have none and are ignored (§1.8). */
const CHECKS = new Map<unknown, (frame: Fields) => boolean>([
  [
    'welcome',
    (f) =>
      f['protocol'] === 1 &&
      isText(f['nonce']) &&
      isCount(f['timeMs']) &&
      isCount(f['heartbeatMs']) &&
      isText(f['user']) &&
      isText(f['publisher']),
  ],
  [
    'run',
    (f) =>
      isText(f['channel']) &&
      maybe(isText, f['after']) &&
      Array.isArray(f['messages']) &&
      f['messages'].every(isMessage),
  ],
  ['gap', (f) => isText(f['channel']) && isText(f['from']) && isText(f['to']) && isText(f['reason'])],
  ['ack', (f) => isCount(f['sequence']) && isText(f['position']) && isText(f['id'])],
  [
    'error',
    (f) =>
      isText(f['code']) &&
      maybe(isText, f['channel']) &&
      maybe(isCount, f['sequence']) &&
      maybe(isCount, f['retryAfterMs']),
  ],
  ['heartbeat', () => true],
  ['goodbye', (f) => isCount(f['retryAfterMs'])],
])

/**
 * The frames of a batch from the hub; `null` when it is not a batch or a known frame is malformed: then nothing of it
 * counts, for it is not the hub's (PROTOCOL.md §6.2). Unknown frames and things that are no frames are left out.
 */
export const readServerBatch = (text: string): ServerFrame[] | null => {
  let batch: unknown
  try {
    batch = JSON.parse(text)
  } catch {
    return null
  }
  if (!Array.isArray(batch)) return null
  const frames: ServerFrame[] = []
  for (const frame of batch as unknown[]) {
    if (!isObject(frame)) return null
    const check = CHECKS.get(frame['type'])
    if (!check) continue
    if (!check(frame)) return null
    frames.push(frame as unknown as ServerFrame)
  }
  return frames
}
