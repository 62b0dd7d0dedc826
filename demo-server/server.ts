import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { createHub, memoryStore } from 'holdfast/server'
import type { Hub, HubOptions } from 'holdfast/server'
import { mayUse } from './channels.ts'
import type { DemoChannels } from './channels.ts'
import type { ListenOptions } from './config.ts'
import { sendJson } from './json.ts'
import { createLabFeed } from './lab-feed.ts'
import { listen, SLOW_REQUESTS } from './listen.ts'
import { startQuotesFeed } from './quotes-feed.ts'
import { resolveFile, sendText, serveFile } from './static-files.ts'
import type { Mount } from './static-files.ts'
import { handleControl } from './weather-control.ts'
import { createWeatherRooms, tooMany } from './weather-rooms.ts'
import type { WeatherRoom } from './weather-rooms.ts'

export interface DemoServerOptions extends ListenOptions {
  /** Publish quotes, and a beat to each lab in use. @default true */
  readonly feeds?: boolean | undefined
  /** Options of the hub that take the place of the demo's. */
  readonly hub?: Partial<HubOptions> | undefined
  /** Sets of faults at once. @default 64 */
  readonly maxWeathers?: number | undefined
}

export interface DemoServer {
  /** Origin of the pages, as `http://localhost:8080`. The hub is at `/realtime`. */
  readonly url: string
  readonly port: number
  readonly hub: Hub<DemoChannels>
  /** The faults of this id: 1 to 40 of `a–z 0–9 -`. Made when they are new. @throws RangeError when there are too many */
  weather(id: string): WeatherRoom
  /** Drains the hub and ends everything. Idempotent. */
  close(): Promise<void>
}

// The built server and this file both stand one folder below the root of the project.
const root = new URL('../', import.meta.url)
const at = (path: string) => fileURLToPath(new URL(path, root))

const mounts: readonly Mount[] = [
  { path: '/', file: at('demo-server/pages/index.html') },
  { path: '/chat', file: at('demo-server/pages/chat.html') },
  { path: '/lab', file: at('demo-server/pages/lab.html') },
  { path: '/quotes', file: at('demo-server/pages/quotes.html') },
  { path: '/pages/css/', folder: at('demo-server/pages/css') },
  { path: '/pages/js/', folder: at('demo-server/pages/js') },
  { path: '/favicon.svg', file: at('demo-server/pages/favicon.svg') },
  { path: '/holdfast.min.js', file: at('dist/holdfast.min.js') },
  { path: '/holdfast.min.js.map', file: at('dist/holdfast.min.js.map') },
  { path: '/examples/script-tag/', folder: at('examples/script-tag') },
  { path: '/examples/vite-npm/', folder: at('dist-demo/examples/vite-npm') },
  { path: '/examples/quotes/', folder: at('examples/quotes') },
]

/** Starts hub, pages, faults and feeds. It is the demo of `npm start`, and the server of the browser tests. */
export async function startDemoServer(options: DemoServerOptions = {}): Promise<DemoServer> {
  const { publicUrl, feeds = true } = options
  const store = memoryStore({ messages: 2000, ageMs: 24 * 3600 * 1000 })
  const hub = createHub<DemoChannels>({
    store,
    authorize: ({ action, channel }) => mayUse(action, channel),
    presence: ['chat:*'],
    ...(publicUrl === undefined ? {} : { origins: [publicUrl] }),
    ...options.hub,
  })
  const labs = createLabFeed({ publish: (channel, beat) => hub.publish(channel, beat) })
  const rooms = createWeatherRooms({
    origin: () => url,
    upstream: () => ({ host: listening.ownAddress, port: listening.port }),
    onUse: (id) => {
      if (feeds) labs.touch(id)
    },
    onDrop: (id) => labs.stop(id),
    maxRooms: options.maxWeathers,
  })

  const server = createServer(SLOW_REQUESTS)
  hub.attach(server, { path: '/realtime' })
  server.on('request', (req, res) => {
    route(req, res).catch((error: unknown) => {
      console.error(error)
      if (res.headersSent) res.destroy()
      else sendText(res, 500, 'The demo server failed; its log says why.')
    })
  })
  server.on('upgrade', upgrade)

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, weather } = locate(req)
    if (weather?.rest === '/control') {
      const room = rooms.room(weather.id)
      if (room) await handleControl(req, res, room)
      else sendJson(res, 503, { error: tooMany })
    } else if (weather && isHub(weather.rest)) {
      rooms.request(req, res, weather.id)
    } else {
      await servePage(req, res, pathname)
    }
  }

  function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { weather } = locate(req)
    if (weather && isHub(weather.rest)) rooms.upgrade(req, socket, head, weather.id)
    else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  }

  async function stopHub(): Promise<void> {
    labs.close()
    await hub.close()
    rooms.close()
    await store.close()
  }
  const listening = await listen(server, options).catch(async (error: unknown) => {
    await stopHub()
    throw error
  })
  const stopQuotes = feeds ? startQuotesFeed({ publish: (channel, quote) => hub.publish(channel, quote) }) : () => {}
  const url = publicUrl ?? `http://${hostInUrl(options.host)}:${listening.port}`

  let closed: Promise<void> | undefined
  async function stop(): Promise<void> {
    stopQuotes()
    await stopHub()
    await listening.close()
  }
  return {
    url,
    port: listening.port,
    hub,
    weather(id) {
      const room = rooms.room(id)
      if (!room) throw new RangeError(`No room for the weather ${JSON.stringify(id)}: a bad id, or too many of them`)
      return room
    },
    close: () => (closed ??= stop()),
  }
}

const isHub = (path: string) => path === '/realtime' || path.startsWith('/realtime/')

interface Location {
  readonly pathname: string
  readonly weather: { readonly id: string; readonly rest: string } | undefined
}

function locate(req: IncomingMessage): Location {
  const pathname = (req.url ?? '/').split('?', 1)[0] ?? '/'
  const [, id, rest] = /^\/weather\/([^/]+)(\/.*)$/.exec(pathname) ?? []
  return { pathname, weather: id === undefined || rest === undefined ? undefined : { id, rest } }
}

async function servePage(req: IncomingMessage, res: ServerResponse, pathname: string): Promise<void> {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    sendText(res, 405, 'Expected GET or HEAD', { Allow: 'GET, HEAD' })
    return
  }
  const file = resolveFile(mounts, pathname)
  if (file && (await serveFile(req, res, file))) return
  const slashed = `${pathname}/`
  if (mounts.some(({ path }) => path === slashed)) {
    sendText(res, 308, `Moved to ${slashed}`, { Location: slashed })
    return
  }
  const build = pathname.startsWith('/examples/') ? 'build:examples' : 'build'
  const hint = file ? ` Run: npm run ${build}` : ''
  sendText(res, 404, `Nothing is here.${hint}`)
}

function hostInUrl(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
