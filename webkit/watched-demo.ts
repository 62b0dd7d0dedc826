import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createFaults, proxyRequest, proxyUpgrade } from 'holdfast/testing'
import { startDemoServer } from '../demo-server/server.ts'
import type { DemoServer } from '../demo-server/server.ts'

/** The demo behind a server that puts a watcher into its pages: the driver of WebKitGTK tells nothing of a page's console. */
export interface WatchedDemo {
  readonly url: string
  readonly hub: DemoServer['hub']
  close(): Promise<void>
}

declare global {
  interface Window {
    /** What the page complained of. */
    problems: string[]
  }
}

/** Runs first in the page, so it can use nothing of this module. */
const watch = (): void => {
  window.problems = []
  const tell = (what: string, detail: unknown) => window.problems.push(`${what}: ${String(detail)}`)
  for (const level of ['error', 'warn'] as const) {
    const { [level]: say } = console
    console[level] = (...words: unknown[]) => {
      tell(`console.${level}`, words.map(String).join(' '))
      say(...words)
    }
  }
  // On the way down, for a script or an image that does not load tells its own element only.
  addEventListener('error', ({ message, target }) => tell('error', message || (target as Element).outerHTML), true)
  addEventListener('unhandledrejection', ({ reason }) => tell('rejection', reason))
  addEventListener('securitypolicyviolation', ({ blockedURI }) => tell('policy', blockedURI))
}

/** Starts the demo on free ports, with its feeds. */
export const startWatchedDemo = async (): Promise<WatchedDemo> => {
  const demo = await startDemoServer({ port: 0, host: '127.0.0.1' })
  const faults = createFaults()
  const through = { faults, upstream: { host: '127.0.0.1', port: demo.port } }
  const server = createServer((request, response) => {
    if (request.url === '/watch.js') {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(`(${watch.toString()})()`)
    } else if (request.headers.accept?.includes('text/html')) {
      fetch(demo.url + (request.url ?? ''))
        .then(async (page) => {
          const html = await page.text()
          const headers = [...page.headers].filter(
            ([name]) => !/^(content-length|connection|keep-alive|date)$/.test(name),
          )
          response.writeHead(page.status, Object.fromEntries(headers))
          response.end(html.replace(/<!doctype html>/i, '$&<script src="/watch.js"></script>'))
        })
        .catch((error: unknown) => response.destroy(error as Error))
    } else proxyRequest(request, response, through)
  })
  server.on('upgrade', (request, socket, head) => proxyUpgrade(request, socket, head, through))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hub: demo.hub,
    close: async () => {
      faults.close()
      await demo.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
