import { once } from 'node:events'
import { connect } from 'node:net'

/** What came back on a connection, taken apart as far as it is an answer. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Everything that came. */
  readonly text: string
  /** Why the connection ended, when that was no end in good order. */
  readonly error: string | undefined
}

const parse = (text: string): Omit<RawAnswer, 'error'> => {
  // An interim answer comes before the real one.
  const from = text.startsWith('HTTP/1.1 100 ') ? text.indexOf('\r\n\r\n') + 4 : 0
  const end = text.indexOf('\r\n\r\n', from)
  const [first = '', ...lines] = text.slice(from, end < 0 ? undefined : end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0)
  return { status, headers, body: end < 0 ? '' : text.slice(end + 4), text }
}

/**
 * Writes bytes on a connection of their own, and gives what comes until the other side ends it; of a stream of events what comes
 * with the first event. Rejects when neither happens in time. With `halfClose` nothing more will come, and says so: to Node who has
 * said that before he was answered is gone.
 */
export const exchangeBytes = async (
  port: number,
  bytes: Uint8Array,
  { timeoutMs, halfClose }: { readonly timeoutMs: number; readonly halfClose: boolean },
): Promise<RawAnswer> => {
  const socket = connect(port, '127.0.0.1')
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), timeoutMs)
  let text = ''
  let error: string | undefined
  const closed = new Promise<void>((resolve) => {
    socket.on('error', ({ message }) => (error = message)).on('close', () => resolve())
  })
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('text/event-stream') && text.includes('data:')) socket.destroy()
  })
  try {
    if (halfClose) socket.end(bytes)
    else socket.write(bytes)
    const gaveUp = once(late.signal, 'abort').then(() => {
      throw new Error(`no end within ${timeoutMs} ms of: ${Buffer.from(bytes).toString('latin1').slice(0, 300)}`)
    })
    gaveUp.catch(() => undefined)
    await Promise.race([closed, gaveUp])
    return { ...parse(text), error }
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** Sends bytes on a connection of their own, and resets that. Resolves when it is over. */
export const sendAndReset = async (port: number, bytes: Uint8Array): Promise<void> => {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  await once(socket, 'connect')
  await new Promise((resolve) => socket.write(bytes, resolve))
  socket.resetAndDestroy()
  await once(socket, 'close')
}
