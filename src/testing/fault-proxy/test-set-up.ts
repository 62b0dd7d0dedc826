import { afterEach, beforeEach } from 'vitest'
import type { FaultEvent } from './event-log.ts'
import type { Faults } from './faults.ts'
import type { ActionType } from './rule.ts'
import { connectRaw, startRig } from './test-rig.ts'
import type { RawClient, Rig } from './test-rig.ts'

// The rig of the running test, under names that always mean the present one.
export let rig: Rig
export let faults: Faults
export let port: number

/** A rig for each test of the file that calls this. */
export const rigForEach = (): void => {
  beforeEach(async () => {
    // Jitter at its middle, so that a delay is what it says.
    rig = await startRig({ random: () => 0.5 })
    faults = rig.proxy.faults
    port = rig.proxy.port
  })
  afterEach(() => rig.close())
}

export const fired = (action: ActionType | 'cut'): Promise<FaultEvent> =>
  faults.waitFor((event) => event.kind === 'fault' && event.action === action)
export const get = (path: string): RawClient => connectRaw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
export const held = JSON.stringify([{ type: 'hello', waitMs: 25_000 }])
export const instant = JSON.stringify([{ type: 'hello', waitMs: 0 }])

export async function openStream(): Promise<RawClient> {
  const client = get('/stream')
  await client.sees('200 OK')
  return client
}
