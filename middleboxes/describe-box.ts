import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { memoryStore } from 'holdfast/server'
import { afterAll, beforeAll, describe, it, vi } from 'vitest'
import { startBox } from './box.ts'
import type { Box, BoxPlan } from './box.ts'
import { findProgram } from '../scripts/find-program.mjs'
import { startOrigin } from './origin.ts'
import type { Origin } from './origin.ts'
import { closeVisitors } from './visitor.ts'

export interface BoxTests<Door extends string> extends BoxPlan<Door> {
  /** As people call it. */
  readonly name: string
  readonly program: string
  /** Hubs behind it, all on one store. @default 1 */
  readonly hubs?: number
}

/** What the tests of a box use. The parts are there once a test runs, not before. */
export interface Rig<Door extends string> {
  readonly box: Box<Door>
  readonly origins: readonly [Origin, ...Origin[]]
}

/** How often a program that starts is asked whether it serves. */
const ASK_EVERY_MS = 20

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** A `describe` with the program between client and hub. Where the program is missing it says so and runs nothing; under CI it fails. */
export const describeBox = <Door extends string>(
  tests: BoxTests<Door>,
  define: (rig: () => Rig<Door>) => void,
): void => {
  const path = findProgram(tests.program)
  const missing = `${tests.name} (${tests.program} was not found)`
  if (path !== undefined) describe(tests.name, () => define(useBox(path, tests)))
  else if (process.env['CI']) {
    it(tests.name, () => {
      throw new Error(`CI needs ${missing}`)
    })
  } else {
    console.log(`not run: ${missing}`)
    describe.skip(tests.name, () => define(neverStarted))
  }
}

const neverStarted = (): never => {
  throw new Error('the box was not started')
}

const useBox = <Door extends string>(path: string, tests: BoxTests<Door>): (() => Rig<Door>) => {
  const store = memoryStore({ messages: 10_000, ageMs: 3_600_000 })
  const origins: Origin[] = []
  let box: Box<Door> | undefined
  beforeAll(async () => {
    for (let count = tests.hubs ?? 1; count > 0; count--) origins.push(await startOrigin(store))
    const ports = Object.fromEntries(origins.map(({ port }, index) => [`hub${index + 1}`, port]))
    box = await startBox(path, tests, ports, (url) => reaches(url, origins))
  })
  afterAll(async () => {
    closeVisitors()
    await box?.stop()
    for (const origin of origins) await origin.close()
    await store.close()
  })
  return () => {
    const [first, ...others] = origins
    return first && box ? { box, origins: [first, ...others] } : neverStarted()
  }
}

/** Whether a request comes to one of these hubs, and not to who else may listen on that port. */
const reaches = async (url: string, origins: readonly Origin[]): Promise<boolean> => {
  const mark = `/health?${randomUUID()}`
  await fetch(url + mark).then(
    (response) => response.text(),
    () => wait(ASK_EVERY_MS),
  )
  return origins.some(({ arrivals }) => arrivals.some((arrival) => arrival.url.endsWith(mark)))
}
