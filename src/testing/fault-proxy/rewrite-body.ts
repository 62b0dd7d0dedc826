import { isJsonBody } from './http-message.ts'
import type { Link } from './link.ts'
import { rewriteBatch } from './rewrite.ts'
import type { Direction } from './rule.ts'

/** A message of HTTP whose body is complete. */
export interface WholeMessage {
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** The message with `inject` and `replace` applied, under a length that is true again. The same one when nothing changed. */
export function rewriteBody<T extends WholeMessage>(link: Link, direction: Direction, message: T): T {
  const { rawHeaders, body } = message
  if (!isJsonBody(fieldOf(rawHeaders, 'content-type'), fieldOf(rawHeaders, 'content-encoding'))) return message
  const text = rewriteBatch(link, direction, body.toString())
  if (text === undefined) return message
  const changed = Buffer.from(text)
  return { ...message, rawHeaders: withLength(rawHeaders, changed.length), body: changed }
}

function fieldOf(rawHeaders: readonly string[], name: string): string | undefined {
  const at = rawHeaders.findIndex((field, index) => index % 2 === 0 && field.toLowerCase() === name)
  return at < 0 ? undefined : rawHeaders[at + 1]
}

function withLength(rawHeaders: readonly string[], length: number): readonly string[] {
  return rawHeaders.map((value, at) =>
    at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'content-length' ? String(length) : value,
  )
}
