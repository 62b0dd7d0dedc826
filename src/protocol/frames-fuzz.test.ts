import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHoldfastError } from '../base/errors.ts'
import { clientFrame, serverFrame } from '../testing/frame-arbitraries.ts'
import { FUZZ_TIMEOUT_MS, fuzzing } from '../testing/fuzz.ts'
import { anyText, damagedJson } from '../testing/damaged-json.ts'
import { concernOf, readBatch, readClientFrame } from './validate-client-frames.ts'
import { readServerBatch } from './validate-server-frames.ts'

type Fields = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

// What the frames of PROTOCOL.md are, said once more and apart from the code that reads them.
const text: Check = (value) => typeof value === 'string'
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const id: Check = (value) => typeof value === 'string' && /^[\w-]{1,64}$/.test(value)
/** However long a frame says: nobody is put away for years. */
const pause: Check = (value) => count(value) && (value as number) <= 300_000
const number: Check = (value) => typeof value === 'number' && !Number.isNaN(value)
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const shaped =
  (shape: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(shape).every(([name, check]) => check((value as Fields)[name]))
const position: Check = (value) => typeof value === 'string' && /^[\w-]{1,64}\.(0|[1-9]\d*)\.[\w-]{1,64}$/.test(value)
const name: Check = (value) =>
  typeof value === 'string' &&
  value !== '' &&
  Buffer.byteLength(value) <= 256 &&
  !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value)

/** What the client uses of each frame. `code`, `reason` and `user` are open. */
const SERVER_FRAMES: Readonly<Record<string, Check>> = {
  welcome: shaped({
    protocol: (value) => value === 1,
    nonce: text,
    timeMs: count,
    heartbeatMs: count,
    user: text,
    publisher: text,
    maxDataBytes: count,
    maxBatchBytes: count,
  }),
  run: shaped({
    channel: text,
    after: optional(text),
    messages: list(shaped({ offset: count, id, timeMs: count, sender: optional(text), publisher: optional(text) })),
  }),
  gap: shaped({ channel: text, from: text, to: text, reason: text }),
  ack: shaped({ sequence: count, position: text, id }),
  error: shaped({
    code: text,
    message: optional(text),
    status: optional(count),
    channel: optional(text),
    sequence: optional(count),
    retryAfterMs: optional(pause),
  }),
  heartbeat: shaped({ timeMs: optional(count) }),
  goodbye: shaped({ retryAfterMs: pause }),
}

const start: Check = (value) =>
  value === 'latest' ||
  value === 'earliest' ||
  shaped({ after: position })(value) ||
  shaped({
    last: (last) => count(last) && (last as number) <= 10_000,
    before: optional((before) => before === 'end' || position(before)),
  })(value)
const request = {
  channel: name,
  from: start,
  ref: optional(number),
  limit: optional((limit) => count(limit) && (limit as number) >= 1 && (limit as number) <= 10_000),
}
const CLIENT_FRAMES: Readonly<Record<string, Check>> = {
  hello: shaped({
    protocol: (value) => value === 1,
    nonce: (value) => typeof value === 'string' && /^[\w-]{1,64}$/.test(value),
    client: (value) => typeof value === 'string' && /^[\w-]{22}$/.test(value),
    token: optional(text),
    heartbeatMs: optional((ms) => number(ms) && (ms as number) >= 0),
    waitMs: optional((ms) => number(ms) && (ms as number) >= 0),
    channels: optional(list(shaped(request))),
  }),
  subscribe: shaped(request),
  unsubscribe: shaped({ channel: name }),
  publish: shaped({
    channel: name,
    sequence: (n) => count(n) && (n as number) > 0,
    until: optional((until) => Number.isFinite(until)),
    key: optional((key) => typeof key === 'string' && /^[!-~]{1,128}$/.test(key)),
    data: (data) => data !== undefined,
  }),
  ping: shaped({}),
}

const unpolluted = (): void => {
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
}

const LIMITS = { framesPerBatch: 256, channelsPerReader: 128, tokenBytes: 8192, jsonDepth: 32 }

describe('§1.8 §6.2 frames of a hub: any text is a batch or it is none', () => {
  const judge = (batch: string): boolean => {
    const frames = readServerBatch(batch)
    unpolluted()
    for (const frame of frames ?? []) {
      const check = SERVER_FRAMES[frame.type]
      expect(check && Object.hasOwn(SERVER_FRAMES, frame.type)).toBeTruthy()
      if (!check?.(frame)) throw new Error(`taken though malformed: ${JSON.stringify(frame)}`)
    }
    return frames !== null
  }

  it(
    'good ones are taken as they are',
    () => {
      const property = fc.property(fc.array(serverFrame), (frames) => {
        expect(readServerBatch(JSON.stringify(frames))).toEqual(JSON.parse(JSON.stringify(frames)))
      })
      fc.assert(property, fuzzing())
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    'changed ones are taken whole and well-formed, or not at all',
    () => {
      const taken = { yes: 0, no: 0 }
      const property = fc.property(damagedJson(fc.array(serverFrame, { minLength: 1, maxLength: 3 })), (batch) => {
        taken[judge(batch) ? 'yes' : 'no']++
      })
      fc.assert(property, fuzzing(0.05))
      expect(Math.min(taken.yes, taken.no)).toBeGreaterThan(0)
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    'any text',
    () => {
      fc.assert(
        fc.property(anyText, (batch) => void judge(batch)),
        fuzzing(),
      )
    },
    FUZZ_TIMEOUT_MS,
  )
})

describe('§1.8 §10.2 frames of a client: each is typed, or refused with an error that says why', () => {
  /** True when all of the batch was taken. */
  const judge = (batch: string): boolean => {
    const refused: unknown[] = []
    const attempt = <T>(read: () => T): T | undefined => {
      try {
        return read()
      } catch (error) {
        refused.push(error)
        return undefined
      }
    }
    for (const value of attempt(() => readBatch(batch, LIMITS)) ?? []) {
      const frame = attempt(() => readClientFrame(value, LIMITS))
      if (frame && !CLIENT_FRAMES[frame.type]?.(frame)) {
        throw new Error(`taken though malformed: ${JSON.stringify(frame)}`)
      }
      const concern = shaped({ channel: optional(name), ref: optional(Number.isFinite), sequence: optional(count) })
      expect(concern(concernOf(value))).toBe(true)
    }
    unpolluted()
    for (const error of refused) {
      if (!isHoldfastError(error)) throw error
      expect(error).toMatchObject({ status: 400, retryable: false })
      expect(['bad-request', 'too-many']).toContain(error.code)
      expect(error.message.length).toBeLessThan(300)
      // S12: nothing of the peer's gets raw into a log line or a header.
      expect(`${error.message} ${error.field ?? ''}`).not.toMatch(/[\p{Cc}\u2028\u2029\p{Cs}]/u)
    }
    return refused.length === 0
  }

  it(
    'good ones are taken as they are',
    () => {
      const property = fc.property(fc.array(clientFrame, { minLength: 1 }), (frames) => {
        const json = JSON.stringify(frames)
        const read = readBatch(json, LIMITS).map((value) => readClientFrame(value, LIMITS))
        expect(read).toEqual(JSON.parse(json))
      })
      fc.assert(property, fuzzing())
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    'changed ones',
    () => {
      const taken = { yes: 0, no: 0 }
      const property = fc.property(damagedJson(fc.array(clientFrame, { minLength: 1, maxLength: 3 })), (batch) => {
        taken[judge(batch) ? 'yes' : 'no']++
      })
      fc.assert(property, fuzzing(0.05))
      expect(Math.min(taken.yes, taken.no)).toBeGreaterThan(0)
    },
    FUZZ_TIMEOUT_MS,
  )

  it(
    'any text',
    () => {
      fc.assert(
        fc.property(anyText, (batch) => void judge(batch)),
        fuzzing(),
      )
    },
    FUZZ_TIMEOUT_MS,
  )

  it.each([
    '[{"type":"hello","protocol":"\\u2028","client":"client-0-0123456789abc","nonce":"n"}]',
    '[{"type":"\u0085"}]',
    '[{"type":"subscribe","channel":"","ref":1e400}]',
    '[{"type":"hello","protocol":1,"nonce":"n","client":"client-0-0123456789abc","waitMs":1e400}]',
    '[{"type":"publish","channel":"a","sequence":-0,"data":1}]',
    '[{"type":"publish","channel":"a","sequence":1,"data":{"__proto__":{"polluted":true}}}]',
    '[{"type":"publish","channel":"a","sequence":1,"sequence":0,"data":1}]',
    '[{"type":"subscribe","channel":"\\ud800","from":"latest"}]',
  ])('what was found once: %j', (batch) => {
    judge(batch)
  })
})
