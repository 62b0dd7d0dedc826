import { formatPosition } from '../protocol/position.ts'
import type { Place } from '../protocol/position.ts'
import { textMessage } from './websocket-message.ts'
import { wireBytes } from './store.ts'
import type { StoredMessage } from './store.ts'
import type { KindName } from './channel-kinds.ts'

/** One message as it stands in a run, its data spliced in as the text that it is. */
export interface EncodedMessage {
  readonly offset: number
  readonly id: string
  readonly text: string
  readonly bytes: number
  readonly conflationKey: string | undefined
}

export const encodeMessage = (message: StoredMessage): EncodedMessage => {
  const { offset, id, timeMs, json, sender, publisher, conflationKey } = message
  let text = `{"offset":${offset},"id":"${id}","timeMs":${timeMs},"data":${json}`
  if (sender !== undefined) text += `,"sender":${JSON.stringify(sender)}`
  if (publisher !== undefined) text += `,"publisher":"${publisher}"`
  return { offset, id, text: text + '}', bytes: wireBytes(message), conflationKey }
}

/** What a run has of each key: the newest alone (PROTOCOL.md §3.14). */
const newestOnly = (messages: readonly EncodedMessage[]): readonly EncodedMessage[] => {
  if (messages.every(({ conflationKey }) => conflationKey === undefined)) return messages
  const newest = new Map(messages.map((message) => [message.conflationKey, message]))
  return messages.filter(
    (message) => message.conflationKey === undefined || newest.get(message.conflationKey) === message,
  )
}

/** How runs name their channel: its name, and its kind where it is no log (PROTOCOL.md §3.13). */
export const channelText = (channel: string, kind: KindName): string =>
  JSON.stringify(channel) + (kind === 'log' ? '' : `,"kind":"${kind}"`)

/** One run (PROTOCOL.md §3.4), encoded once for all who receive it. It always states `after`, so it suits any link. */
export class EncodedRun {
  readonly after: Place
  readonly to: Place
  readonly count: number
  readonly bytes: number
  readonly more: boolean
  readonly #prefix: string
  readonly #suffix: string
  #frame: string | undefined
  #socketMessage: Buffer | undefined
  #eventBatch: Buffer | undefined
  #eventChunk: Buffer | undefined

  /** `channel`: as `channelText` writes it. `isHistory`: with what is superseded too (PROTOCOL.md §3.17). */
  constructor(channel: string, after: Place, all: readonly EncodedMessage[], more: boolean, isHistory = false) {
    const messages = isHistory ? all : newestOnly(all)
    const last = messages.at(-1)
    this.after = after
    this.to = last ? { epoch: after.epoch, offset: last.offset, id: last.id } : after
    this.count = messages.length
    this.more = more
    this.#prefix = `{"type":"run","channel":${channel},"after":"${formatPosition(after)}"`
    let text = ',"messages":['
    let bytes = this.#prefix.length
    for (const message of messages) {
      text += message === messages[0] ? message.text : `,${message.text}`
      bytes += message.bytes
    }
    this.bytes = bytes
    this.#suffix = text + (more ? '],"more":true}' : ']}')
  }

  /** The frame's text, with the `ref` of the request that it answers. */
  frame(ref?: number): string {
    if (ref !== undefined) return `${this.#prefix},"ref":${ref}${this.#suffix}`
    this.#frame ??= this.#prefix + this.#suffix
    return this.#frame
  }

  /** The batch of this one frame as a whole WebSocket message: header and payload. */
  get socketMessage(): Buffer {
    this.#socketMessage ??= textMessage(`[${this.frame()}]`)
    return this.#socketMessage
  }

  /** The batch of this one frame as an SSE event. */
  get eventBatch(): Buffer {
    this.#eventBatch ??= Buffer.from(`data: [${this.frame()}]\n\n`)
    return this.#eventBatch
  }

  /** The same as one chunk of a chunked HTTP/1.1 body (RFC 9112 §7.1), so that it is one write and not three. */
  get eventChunk(): Buffer {
    const { eventBatch } = this
    const size = eventBatch.length.toString(16)
    this.#eventChunk ??= Buffer.concat([Buffer.from(`${size}\r\n`), eventBatch, Buffer.from('\r\n')])
    return this.#eventChunk
  }
}
