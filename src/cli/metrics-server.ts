import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { Registry } from 'prom-client'
import type { hubMetrics as HubMetricsOf, queueMetrics as QueueMetricsOf } from '../integrations/metrics.ts'
import type { RedisQueue } from '../integrations/redis/queue/queue-status.ts'
import type { Hub } from '../server/hub-types.ts'
import { StartError } from './config-error.ts'
import { listen, where } from './listen.ts'
import type { LoadPackage } from './packages.ts'
import type { Config } from './settings.ts'

interface Observed {
  readonly hub: Hub
  readonly queue: RedisQueue | undefined
}

/** `/metrics` and `/inspect` on a port of their own, if the settings ask for one. @throws StartError */
export const metricsServer = async (
  config: Config,
  observed: Observed,
  load: LoadPackage,
): Promise<{ readonly server: Server; readonly url: string } | undefined> => {
  const { metricsPort, metricsHost } = config
  if (metricsPort === undefined) return undefined
  const registry = await registryOf(observed, load)
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0]
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, {
        'Content-Type': type,
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      })
      response.end(body)
    }
    if (path === '/metrics') {
      registry.metrics().then(
        (text) => answer(200, registry.contentType, text),
        () => answer(500, 'text/plain', 'the metrics cannot be read'),
      )
    } else if (path === '/inspect') answer(200, 'application/json', JSON.stringify(look(observed)))
    else answer(404, 'text/plain', 'there are /metrics and /inspect here')
  })
  const port = await listen(server, metricsPort, metricsHost)
  return { server, url: `http://${where(metricsHost, port)}/metrics` }
}

const look = ({ hub, queue }: Observed) => ({ ...hub.inspect(), ...(queue && { queue: queue.status }) })

const registryOf = async ({ hub, queue }: Observed, load: LoadPackage): Promise<Registry> => {
  try {
    const { Registry, collectDefaultMetrics } = await import('prom-client')
    const { hubMetrics, queueMetrics } = (await load('metrics')) as {
      readonly hubMetrics: typeof HubMetricsOf
      readonly queueMetrics: typeof QueueMetricsOf
    }
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    if (queue) queueMetrics(queue, { registry })
    return hubMetrics(hub, { registry })
  } catch (cause) {
    throw new StartError('metricsPort needs the package prom-client: npm install prom-client', { cause })
  }
}
