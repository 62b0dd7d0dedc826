import type { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import * as ws from 'ws'
import { textMessage } from './websocket-message.ts'

// ws exports it; its types do not say so.
const { Receiver } = ws as unknown as { readonly Receiver: new (options: { isServer: boolean }) => Writable }

describe('textMessage', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 300_000])('is read back by ws with %d bytes', async (length) => {
    const text = length > 1 ? 'é' + 'x'.repeat(length - 2) : 'x'.repeat(length)
    const receiver = new Receiver({ isServer: false })
    const received = new Promise((resolve) => receiver.on('message', (data: Buffer) => resolve(data.toString())))
    receiver.write(textMessage(text))
    expect(await received).toBe(text)
  })
})
