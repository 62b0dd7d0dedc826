import type { HubOptions } from '../../../server/hub-types.ts'
import type { Cell } from '../cell.ts'
import type { Case, Row } from '../row.ts'
import { ALL } from './ways.ts'

/** How often the victim asked for a token, and with how many its hub was content. */
const asked = new WeakMap<Cell, number>()
const ask = (cell: Cell): number => {
  const count = (asked.get(cell) ?? 0) + 1
  asked.set(cell, count)
  return count
}
const askedOf = (cell: Cell): number => asked.get(cell) ?? 0

const VICTIM = 'victim'

/** A token is `victim <wall time until which it holds>`; the others of the cell have none. */
const timed: Partial<HubOptions> = {
  authenticate: ({ token }) => {
    if (token === undefined) return { userId: 'control' }
    const [userId = '', expiresMs = ''] = token.split(' ')
    if (userId !== VICTIM) throw new Error('this token is bad')
    return { userId, expiresMs: Number(expiresMs) }
  },
  limits: { renewMs: 500 },
}
const until = (ms: number): string => `${VICTIM} ${Date.now() + ms}`
const HOUR_MS = 3_600_000
/** A client takes one that it was given within the last 5 s as new, so over polls no token may live for less. */
const LIFE_MS = 6_000

/** The token comes late, wrong, or not at all, and then as it should. */
const bad: Case = {
  name: 'token',
  columns: ALL,
  options: {
    hub: timed,
    client: (cell) => ({
      token: async () => {
        const count = ask(cell)
        if (count === 1) throw new Error('the server of the tokens is down')
        if (count === 2) await new Promise((resolve) => setTimeout(resolve, 300))
        return count === 2 ? 'bad' : until(HOUR_MS)
      },
    }),
  },
  run: async (cell) => {
    cell.allowErrors()
    await cell.fault('token', async () => {
      cell.join()
      await cell.allLive()
      return askedOf(cell)
    })
    await cell.recover()
  },
}

/** Tokens that hold for seconds only, one after the other. */
const short: Case = {
  name: 'tokens expire',
  columns: ALL,
  options: { hub: timed, client: (cell) => ({ token: () => (ask(cell), until(LIFE_MS)) }) },
  run: async (cell) => {
    await cell.joinWell()
    const before = askedOf(cell)
    await cell.fault('expiry', async () => {
      await cell.until('two more tokens', () => askedOf(cell) >= before + 2)
      return askedOf(cell) - before
    })
    await cell.recover()
  },
}

/** The user is shut out of everything, and may come back: its links end. One that polls is asked who it is each time anyway. */
const revoked: Case = {
  name: 'revoked',
  columns: ['W', 'S', 'A'],
  options: { hub: timed, client: () => ({ token: () => until(HOUR_MS) }) },
  run: async (cell) => {
    await cell.joinWell()
    await cell.fault('revoked', async () => {
      await cell.node.hub.revoke({ userId: VICTIM })
      await cell.saw({ kind: 'goodbye' })
      await cell.flow(10)
      await cell.caughtUp()
      return 1
    })
    await cell.recover()
  },
}

export const tokens: Row = {
  id: 'F23',
  what: 'the token comes late, wrong or not at all; expires; is revoked',
  gate: false,
  cases: [bad, short, revoked],
}
