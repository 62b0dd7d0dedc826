import type { ClientOptions } from 'holdfast'
import { expect } from '@playwright/test'
import type { Room } from './hub-fixture.ts'
import type { COLUMNS } from './page-harness.ts'
import type { ColumnTab, OpenColumn } from './plain-fixture.ts'

declare global {
  interface Window {
    /** When a timer of 100 ms ran. */
    ticks: number[]
  }
}

/** Opens a tab for each column, and another one before them. From then on their facts and timers are noted. */
export const hide = async (
  openColumn: OpenColumn,
  columns: typeof COLUMNS,
  timing: ClientOptions['timing'],
): Promise<ColumnTab[]> => {
  const tabs = await Promise.all(columns.map((column) => openColumn(column, timing)))
  await openColumn({ name: 'front', transports: ['websocket'] }, timing)
  await Promise.all(
    tabs.map(async ({ tab }) => {
      await expect.poll(() => tab.evaluate(() => document.visibilityState)).toBe('hidden')
      await tab.evaluate(async () => {
        // The first run after a tab was hidden is not late yet.
        await new Promise((resolve) => setTimeout(resolve, 100))
        window.facts.length = 0
        window.ticks = []
        setInterval(() => window.ticks.push(performance.now()), 100)
      })
    }),
  )
  return tabs
}

/** What a tab has by now. */
export const look = ({ tab }: ColumnTab) =>
  tab.evaluate(() => ({
    visibility: document.visibilityState,
    offsets: window.recording.offsets(),
    gaps: window.recording.gaps,
    // The answer to a first read may still come.
    facts: window.facts.filter((fact) => !fact.startsWith('welcome')),
  }))

/** The premise: between any two runs of the tab's timer more time has passed than this. */
export const isThrottled = ({ name, tab }: ColumnTab, pauseMs: number): Promise<void> => {
  const shortest = () =>
    tab.evaluate(() => {
      const pauses = window.ticks.slice(1).map((tick, index) => tick - (window.ticks[index] ?? tick))
      return pauses.length ? Math.min(...pauses) : 0
    })
  return expect.poll(shortest, { message: `pauses of a timer: ${name}` }).toBeGreaterThan(pauseMs)
}

/** Beats that came through. */
export const beats = ({ room }: Room): number =>
  room.faults.log.filter(({ frameType }) => frameType === 'heartbeat').length

/** WebSockets and streams that were opened. */
export const connections = ({ room }: Room): number =>
  room.faults.log.filter(
    ({ kind, path = '' }) => kind === 'connect' || (kind === 'request' && path.endsWith('/stream')),
  ).length
