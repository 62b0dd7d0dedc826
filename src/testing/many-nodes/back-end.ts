import { setTimeout as wait } from 'node:timers/promises'
import type { Marked } from '../historian.ts'

/** Who waits that long has lost the answer. */
const ANSWER_MS = 2_000
const AGAIN_MS = 50
/** Many more than any fault takes. */
const MOST_TRIES = 2_000

/**
 * A back end that publishes by one HTTP call, and makes the same call again until it is acknowledged (PROTOCOL.md §6.6): one after the other,
 * for calls side by side have no order.
 */
export const backEnd = (url: string): ((channel: string, data: Marked) => Promise<{ readonly position: string }>) => {
  const send = async (channel: string, data: Marked): Promise<{ readonly position: string }> => {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const position = await once(url, channel, data)
      if (position !== undefined) return { position }
      await wait(AGAIN_MS)
    }
    throw new Error(`${data.key} was not acknowledged`)
  }
  let last: Promise<unknown> = Promise.resolve()
  return (channel, data) => {
    const sent = last.then(() => send(channel, data))
    last = sent.catch(() => undefined)
    return sent
  }
}

const once = async (url: string, channel: string, data: Marked): Promise<string | undefined> => {
  try {
    const answer = await fetch(`${url}/publish?channel=${channel}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `back-end-${data.key}` },
      body: JSON.stringify(data),
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    const text = await answer.text()
    return answer.ok ? /"position":"([^"]+)"/.exec(text)?.[1] : undefined
  } catch {
    return undefined
  }
}
