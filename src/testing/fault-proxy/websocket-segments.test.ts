import { expect, it } from 'vitest'
import { webSocketSegmenter } from './websocket-segments.ts'

const frame = (first: number, payload: string): Buffer =>
  Buffer.concat([Buffer.from([first, payload.length]), Buffer.from(payload)])

it('a control frame between two messages is a segment of its own; one inside of a message outlives its change', () => {
  const parts = [
    frame(0x89, 'ping'),
    frame(0x01, '[{"type":'),
    frame(0x8a, 'pong'),
    frame(0x80, '"a"}]'),
    frame(0x88, ''),
  ] as const
  const bytes = Buffer.concat(parts)
  for (const step of [bytes.length, 1]) {
    const segmenter = webSocketSegmenter()
    const segments = []
    for (let at = 0; at < bytes.length; at += step) segments.push(...segmenter.push(bytes.subarray(at, at + step)))
    expect(Buffer.concat(segments.map(({ data }) => data))).toEqual(bytes)
    expect(segments.filter(({ apart }) => apart)).toHaveLength(2)
    const [message] = segments.flatMap(({ ends }) => (ends === undefined ? [] : [ends]))
    expect(message).toMatchObject({ types: ['a'], text: '[{"type":"a"}]' })
    expect(message?.encode?.('[]')).toEqual(Buffer.concat([parts[2], frame(0x81, '[]')]))
  }
})
