import type { Crowd } from './crowd.ts'
import type { HubProcess } from './hub-process.ts'

/** One way in which a hub or Redis fails. */
export interface Trial {
  readonly name: string
  /** Part of `npm test`; the others run in `npm run test:full`. */
  readonly gate?: boolean
  /** Arguments of `redis-server`. */
  readonly redis?: readonly string[]
  /** Makes the fault and proves that it fired: returns how often. */
  readonly run: (crowd: Crowd) => Promise<number>
  /** What each subscription of a visitor is handed, exactly. @default none */
  readonly gaps?: readonly string[]
}

/** The hub with the most streams and WebSockets of the visitors: one whose fault is felt. */
export const busiestHub = async ({ fleet }: Crowd): Promise<HubProcess> => {
  // The last one has the control reader, to which nothing shall happen.
  const streams = await Promise.all(fleet.hubs.slice(0, -1).map((hub) => hub.streams()))
  const most = Math.max(...streams)
  const hub = fleet.hubs[streams.indexOf(most)]
  if (!hub || most === 0) throw new Error('no hub has a link that could break')
  return hub
}
