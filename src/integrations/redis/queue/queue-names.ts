/** The consumer group, and the one consumer in it. */
export const GROUP = 'holdfast'

/** The names in Redis of one queue, all in the hash slot of its stream. */
export interface QueueNames {
  readonly stream: string
  /** Who reads. */
  readonly lease: string
  /** Stream: what can never be published. */
  readonly refused: string
}

/** At most one pair of braces, with something in it: then what else is named after the stream can lie in its slot. */
export const isStreamName = (name: unknown): name is string =>
  typeof name === 'string' && name.length <= 80 && /^[\w.:/-]*(\{[\w.:/-]+\})?[\w.:/-]*$/.test(name) && name !== ''

/** What `isStreamName` wants, as the end of a sentence. */
export const STREAM_NAME = '1 to 80 of A–Z a–z 0–9 _ - . : /, of which one part may stand in { }'

export const queueNames = (stream: string): QueueNames => {
  const base = stream.includes('{') ? stream : `{${stream}}`
  return { stream, lease: `${base}:${GROUP}:lease`, refused: `${base}:${GROUP}:refused` }
}
