/** What the proxy needs to know of a batch of protocol frames. */
export interface BatchSummary {
  readonly types: readonly string[]
  /** The first frame asks the hub to wait before it answers. */
  readonly held: boolean
}

const nothing: BatchSummary = { types: [], held: false }

/** Reads the frame types of a batch: a JSON array of frames, or one frame. Anything else has none. */
export function readBatch(text: string): BatchSummary {
  // Most other traffic is HTML or nothing: do not make the parser throw for it.
  if (!/^\s*[[{]/.test(text)) return nothing
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return nothing
  }
  const frames: readonly unknown[] = Array.isArray(value) ? value : [value]
  const types: string[] = []
  for (const frame of frames) {
    const type = typeOf(frame)
    if (type !== undefined) types.push(type)
  }
  const waitMs = fieldOf(frames[0], 'waitMs')
  return { types, held: typeof waitMs === 'number' && waitMs > 0 }
}

/** The type of a frame, if it is one. */
export function typeOf(frame: unknown): string | undefined {
  const type = fieldOf(frame, 'type')
  return typeof type === 'string' ? type : undefined
}

function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Readonly<Record<string, unknown>>)[key]
}
