import { OWN } from '../../../protocol/frames.ts'
import { parseJson } from '../../../protocol/validate-client-frames.ts'
import { DEFAULT_LIMITS } from '../../../server/limits.ts'

/** An entry as the script hands it over: its id, names and values in turn, and its size when it is too large to be handed over. */
export type RawEntry = readonly [id: string, fields: readonly string[], bytes?: string]

/** An entry that can never be published. */
export interface Refusal {
  readonly id: string
  readonly channel: string | undefined
  /** As an answer to `POST /publish` has it (PROTOCOL.md §10). */
  readonly code: string
  readonly reason: string
}

export interface Wanted {
  readonly id: string
  readonly channel: string
  readonly data: unknown
  readonly key: string
}

/** Bytes that an entry may have; the hub's own bound for the data of a message is far below. */
export const MOST_BYTES = 1_048_576

/** What is to be published, or why it never can be. Fields of other names are the application's own. */
export const readEntry = (stream: string, [id, fields, bytes]: RawEntry): Wanted | Refusal => {
  const given = new Map<string, string>()
  let twice: string | undefined
  for (let n = 0; n + 1 < fields.length; n += 2) {
    const name = fields[n] ?? ''
    if (given.has(name) && NAMES.includes(name)) twice = name
    given.set(name, fields[n + 1] ?? '')
  }
  const channel = given.get('channel')
  const refused = (reason: string, code = 'bad-request'): Refusal => ({ id, channel, code, reason })
  if (bytes !== undefined) return refused(`the entry has ${bytes} bytes; ${MOST_BYTES} at most`, 'too-large')
  if (twice !== undefined) return refused(`the field \`${twice}\` stands there twice`)
  if (channel === undefined) return refused('the entry has no field `channel`')
  if (channel.startsWith(OWN)) return refused(`names that begin with ${OWN} are the hub's own`, 'forbidden')
  const json = given.get('data')
  if (json === undefined) return refused('the entry has no field `data`')
  try {
    const data = parseJson(json, DEFAULT_LIMITS.jsonDepth)
    return { id, channel, data, key: given.get('key') ?? `${stream}:${id}` }
  } catch (error) {
    return refused(`the field \`data\`: ${error instanceof Error ? error.message : 'this is not JSON'}`)
  }
}

const NAMES = ['channel', 'data', 'key']
