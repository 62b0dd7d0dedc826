import type { HoldfastError } from '../base/errors.ts'
import type { Carrier } from '../client/live.ts'
import { createOutbox } from '../client/outbox.ts'
import type { OutboxEnv } from '../client/outbox.ts'
import { TIMING } from '../client/timing.ts'
import type { PublishOptions } from '../client/types.ts'
import type { Publish } from '../protocol/frames.ts'
import type { LinkEnd } from '../transports/transport.ts'
import { alarm } from './alarm.ts'
import { FakeClock } from './fake-clock.ts'

/** A carrier that keeps what it is given until the test answers. */
export const fakeCarrier = (duplex: boolean) => {
  const batches: Publish[][] = []
  const waiting: { resolve(): void; reject(end: LinkEnd): void }[] = []
  const carrier: Carrier = {
    duplex,
    full: false,
    send(frames) {
      batches.push(frames.map((frame) => JSON.parse(frame) as Publish))
      return duplex
        ? Promise.resolve()
        : new Promise((resolve, reject: (end: LinkEnd) => void) => waiting.push({ resolve, reject }))
    },
  }
  return { carrier, batches, sent: () => batches.flat().map((frame) => frame.sequence), waiting }
}

export const HUB = { maxDataBytes: 100, maxBatchBytes: 262_144 }

/** An outbox on a fake clock, and what came of its publishes. */
export const setUpOutbox = (options: { max?: number; blocked?: () => boolean; untold?: boolean } = {}) => {
  const clock = new FakeClock()
  const outcomes: string[] = []
  const live: { -readonly [Name in keyof OutboxEnv['live']]: OutboxEnv['live'][Name] } = {
    carrier: undefined,
    hub: options.untold ? undefined : HUB,
    hubAheadMs: 5_000_000,
    connection: { notBeforeMs: 0 },
    catchUpMs: 0,
  }
  const step = alarm(clock, () => parts.pump())
  const parts = createOutbox({
    clock,
    timing: TIMING,
    options: { maxOutbox: options.max },
    live,
    blocked: options.blocked ?? (() => false),
    refused: () => undefined,
    step,
  })
  /** As the links and the driver use it. */
  const outbox = {
    ...parts,
    attach(carrier: Carrier | undefined) {
      live.carrier = carrier
      step()
    },
    step,
  }
  const publish = (data: unknown, publishOptions: PublishOptions = {}): Promise<void> =>
    outbox.publish('a', data, publishOptions).then(
      ({ id }) => void outcomes.push(`${JSON.stringify(data)} ${id}`),
      (error: unknown) => void outcomes.push(`${JSON.stringify(data)} ${(error as HoldfastError).code}`),
    )
  return { clock, live, outbox, outcomes, publish }
}

export type TestOutbox = ReturnType<typeof setUpOutbox>['outbox']
/** What the hub answers. */
export const ack = (outbox: TestOutbox, sequence: number): void => {
  outbox.ack({ type: 'ack', sequence, position: `E.${sequence}.m${sequence}`, id: `m${sequence}` })
  outbox.step()
}
export const refuse = (outbox: TestOutbox, sequence: number, code: string): void => {
  outbox.refuse({ type: 'error', sequence, code, message: '' })
  outbox.step()
}
