import type { IncomingMessage, ServerResponse } from 'node:http'
import { readJson, sendJson } from './json.ts'
import type { WeatherRoom } from './weather-rooms.ts'
import { findWeather, weathers } from './weather.ts'

const maxLogLines = 100

/** What a page may ask for: `{ "weather": id, "on": boolean }`, `{ "reset": true }` or `{ "cut": true }`. */
type Order =
  | { readonly kind: 'switch'; readonly weather: string; readonly on: boolean }
  | { readonly kind: 'reset' }
  | { readonly kind: 'cut' }

/**
 * Answers `/weather/<id>/control`: GET tells what is on and what happened, POST switches. It stands beside the faults, so a page
 * can always get out of the weather that it made.
 */
export async function handleControl(req: IncomingMessage, res: ServerResponse, room: WeatherRoom): Promise<void> {
  if (req.method === 'GET') {
    sendJson(res, 200, report(room))
    return
  }
  if (req.method !== 'POST') {
    res.setHeader('Allow', 'GET, POST')
    sendJson(res, 405, { error: 'Expected GET or POST' })
    return
  }
  // A form of another site cannot send JSON without being asked first, and it is never told yes.
  if (!/^application\/json\b/i.test(req.headers['content-type'] ?? '')) {
    sendJson(res, 415, { error: 'Expected the content type application/json' })
    return
  }
  const order = parse(await readJson(req))
  if (typeof order === 'string') {
    sendJson(res, 400, { error: order })
    return
  }
  if (order.kind === 'reset') room.reset()
  else if (order.kind === 'cut') room.faults.cut()
  else room.set(order.weather, order.on)
  sendJson(res, 200, report(room))
}

function parse(value: unknown): Order | string {
  const fields =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : undefined
  if (!fields) return 'Expected a JSON object of at most 4096 characters'
  if (fields.get('reset') === true) return { kind: 'reset' }
  if (fields.get('cut') === true) return { kind: 'cut' }
  const weather: unknown = fields.get('weather')
  const on: unknown = fields.get('on')
  if (typeof weather !== 'string' || !findWeather(weather)) {
    return `weather: expected one of ${weathers.map(({ id }) => id).join(', ')}`
  }
  if (typeof on !== 'boolean') return 'on: expected true or false'
  return { kind: 'switch', weather, on }
}

function report(room: WeatherRoom) {
  const { faults, on } = room
  return {
    id: room.id,
    weathers: weathers.map(({ id, label, description, rules }) => ({
      id,
      label,
      description,
      on: on.includes(id),
      // It happens once and leaves nothing to switch off.
      once: rules.length === 0,
    })),
    openLinks: faults.openLinks,
    log: faults.log.slice(-maxLogLines),
  }
}
