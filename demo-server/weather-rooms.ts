import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { createFaults, isOpeningRule, proxyRequest, proxyUpgrade } from 'holdfast/testing'
import type { Faults } from 'holdfast/testing'
import { sendJson } from './json.ts'
import { applyWeather, findWeather } from './weather.ts'
import type { Weather } from './weather.ts'

/** One set of faults with a name: the same hub, reached through a network as bad as one likes. */
export interface WeatherRoom {
  readonly id: string
  /** Where a client reaches the hub through the faults. */
  readonly url: string
  readonly faults: Faults
  /** Ids of the weathers that are switched on. */
  readonly on: readonly string[]
  /**
   * Switches a weather of the table on or off. One that is about new links ends the living ones that it would have refused,
   * so that it is felt at once. @throws RangeError when there is none with this id
   */
  set(weather: string, on: boolean): void
  /** Back to a network without faults. Links that went mute stay so until the client notices. */
  reset(): void
}

export interface WeatherRoomsOptions {
  /** Origin of the server, for the URLs of the rooms. */
  readonly origin: () => string
  /** Where the traffic goes: this server itself. */
  readonly upstream: () => { readonly host: string; readonly port: number }
  /** Called whenever somebody uses a room. */
  readonly onUse: (id: string) => void
  readonly onDrop: (id: string) => void
  /** @default 64 */
  readonly maxRooms?: number | undefined
  /** A room without links that nobody asked about for so long is dropped. @default 600000 */
  readonly idleMs?: number | undefined
}

export interface WeatherRooms {
  readonly size: number
  /** The room of this id, made when it is new. Undefined when there are too many, or the id is not one. */
  room(id: string): WeatherRoom | undefined
  /** Passes a request or upgrade below `/weather/<id>/` on, through the faults of the room. */
  request(req: IncomingMessage, res: ServerResponse, id: string): void
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, id: string): void
  close(): void
}

/** Why there is no room. */
export const tooMany = 'There are too many labs open. Close one, or try again in ten minutes.'

const idPattern = /^[a-z0-9][a-z0-9-]{0,39}$/

class Room implements WeatherRoom {
  readonly faults = createFaults({ maxEvents: 500, maxRules: 100 })
  readonly id: string
  readonly url: string
  readonly #undo = new Map<string, () => void>()
  usedMs = Date.now()

  constructor(id: string, origin: string) {
    this.id = id
    this.url = `${origin}/weather/${id}/realtime`
  }

  get on(): readonly string[] {
    return [...this.#undo.keys()]
  }

  set(id: string, on: boolean): void {
    const weather = findWeather(id)
    if (!weather) throw new RangeError(`There is no weather ${JSON.stringify(id)}`)
    if (on === this.#undo.has(id)) return
    if (!on) {
      this.#undo.get(id)?.()
      this.#undo.delete(id)
      return
    }
    const undo = applyWeather(this.faults, weather)
    if (weather.rules.length > 0) this.#undo.set(id, undo)
    this.#endRefused(weather)
  }

  #endRefused({ rules }: Weather): void {
    for (const rule of rules) {
      const { kind, path } = rule.match
      if (!isOpeningRule(rule)) continue
      this.faults.cut({ ...(kind === undefined ? {} : { kind }), ...(path === undefined ? {} : { path }) })
    }
  }

  reset(): void {
    this.#undo.clear()
    this.faults.clear()
  }
}

/** A bounded number of rooms. */
export function createWeatherRooms({
  origin,
  upstream,
  onUse,
  onDrop,
  maxRooms = 64,
  idleMs = 600_000,
}: WeatherRoomsOptions): WeatherRooms {
  const rooms = new Map<string, Room>()
  const drop = (room: Room) => {
    rooms.delete(room.id)
    room.faults.close()
    onDrop(room.id)
  }
  const isIdle = (room: Room) => room.faults.openLinks === 0 && Date.now() - room.usedMs > idleMs
  const sweep = () => {
    for (const room of [...rooms.values()]) if (isIdle(room)) drop(room)
  }
  const sweeper = setInterval(sweep, Math.min(idleMs, 60_000))
  sweeper.unref()

  const find = (id: string) => {
    let room = rooms.get(id)
    if (!room) {
      if (!idPattern.test(id)) return undefined
      if (rooms.size >= maxRooms) sweep()
      if (rooms.size >= maxRooms) return undefined
      room = new Room(id, origin())
      rooms.set(id, room)
    }
    room.usedMs = Date.now()
    onUse(id)
    return room
  }
  const proxied = (room: Room) => ({
    faults: room.faults,
    upstream: upstream(),
    stripPrefix: `/weather/${room.id}`,
  })
  return {
    get size() {
      return rooms.size
    },
    room: find,
    request(req, res, id) {
      const room = find(id)
      if (room) proxyRequest(req, res, proxied(room))
      else sendJson(res, 503, { error: tooMany })
    },
    upgrade(req, socket, head, id) {
      const room = find(id)
      if (room) proxyUpgrade(req, socket, head, proxied(room))
      else socket.destroy()
    },
    close() {
      clearInterval(sweeper)
      for (const room of [...rooms.values()]) drop(room)
    },
  }
}
