import { Counter, Gauge, register as globalRegistry } from 'prom-client'
import type { Metric, Registry } from 'prom-client'
import type { Durations, HubMetrics } from '../server/counters.ts'
import type { Hub } from '../server/hub-types.ts'
import type { QueueStatus } from './redis/queue/queue-status.ts'

export interface HubMetricsOptions {
  /** Where the metrics are registered. @default the global registry of prom-client */
  readonly registry?: Registry | undefined
  /** Begins every name. @default 'holdfast_' */
  readonly prefix?: string | undefined
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [Labels, number]

const samplesOf = (label: string, counts: Readonly<Record<string, number>>): readonly Sample[] =>
  Object.entries(counts).map(([name, value]) => [{ [label]: name }, value])

const closedSamples = ({ linksClosed }: HubMetrics): readonly Sample[] =>
  Object.entries(linksClosed).flatMap(([transport, ends]) =>
    Object.entries(ends).map(([reason, value]) => [{ transport, reason }, value] as const),
  )

const hookSamples = ({ authenticate, authorize }: HubMetrics): readonly Sample[] =>
  Object.entries({ authenticate, authorize }).flatMap(([hook, results]) =>
    Object.entries(results).map(([reason, value]: readonly [string, number]) => [{ hook, reason }, value] as const),
  )

/** Name without prefix, help, labels, and where the numbers come from. */
type Row<Source> = readonly [string, string, readonly string[], (source: Source) => readonly Sample[]]

/** What rises. */
const COUNTERS: readonly Row<HubMetrics>[] = [
  [
    'links_opened_total',
    'Links that were opened; each poll counts as one.',
    ['transport'],
    (counted) => samplesOf('transport', counted.linksOpened),
  ],
  ['links_closed_total', 'Links that ended, and why.', ['transport', 'reason'], closedSamples],
  [
    'messages_delivered_total',
    'Messages times the readers that they were sent to.',
    [],
    (counted) => [[{}, counted.messagesDelivered]],
  ],
  [
    'publishes_total',
    'Publishes by what became of them.',
    ['outcome'],
    (counted) => samplesOf('outcome', counted.publishes),
  ],
  ['gaps_total', 'Gaps that were sent, by reason.', ['reason'], (counted) => samplesOf('reason', counted.gaps)],
  [
    'refusals_total',
    'Errors for requests, links, channels and frames.',
    ['code'],
    (counted) => samplesOf('code', counted.refusals),
  ],
  ['hook_failures_total', 'Answers of hooks that let nobody in.', ['hook', 'reason'], hookSamples],
  [
    'request_failures_total',
    'Requests that their handler failed to answer.',
    [],
    ({ requests }) => [[{}, requests.failed]],
  ],
  [
    'store_failures_total',
    'Questions that the store did not answer.',
    ['operation'],
    (counted) => storeDurations(counted).map(([labels, { failed }]) => [labels, failed]),
  ],
]

type Timed = readonly [Labels, Durations]

const storeDurations = ({ store }: HubMetrics): readonly Timed[] =>
  Object.entries(store).map(([operation, durations]) => [{ operation }, durations])

/** What took so long. */
const HISTOGRAMS: readonly (readonly [name: string, help: string, (counted: HubMetrics) => readonly Timed[]])[] = [
  ['store_duration_seconds', 'How long the store took, failures included.', storeDurations],
  [
    'request_duration_seconds',
    'How long handlers took to answer a request, failures included.',
    ({ requests }) => [[{}, requests]],
  ],
]

/** What stands now. */
const GAUGES: readonly Row<Observed>[] = [
  ['links', 'Links and held requests that are open.', ['transport'], (hub) => samplesOf('transport', look(hub).links)],
  ['unsent_bytes', 'Bytes that the peers of all links have not taken yet.', [], (hub) => [[{}, look(hub).unsentBytes]]],
  ['tails', 'Channels whose end is held in memory.', [], (hub) => [[{}, look(hub).tails.held]]],
  ['tail_bytes', 'Bytes of these.', [], (hub) => [[{}, look(hub).tails.bytes]]],
  ['requests', 'Requests that are with a handler.', [], (hub) => [[{}, look(hub).requests]]],
  ['draining', '1 while the hub is closing.', [], (hub) => [[{}, hub.health.status === 'draining' ? 1 : 0]]],
]

type Observed = Pick<Hub, 'metrics' | 'inspect' | 'health'>
const look = (hub: Observed): ReturnType<Hub['inspect']> => hub.inspect({ channels: 0 })

interface Rows<Counted, Standing> {
  readonly registry: Registry
  readonly prefix: string
  readonly counters: readonly [rows: readonly Row<Counted>[], source: () => Counted]
  readonly gauges: readonly [rows: readonly Row<Standing>[], source: () => Standing]
}

const registerAll = <Counted, Standing>({ registry, prefix, ...rows }: Rows<Counted, Standing>): void => {
  const registers = [registry]
  const [counters, counted] = rows.counters
  for (const [name, help, labelNames, samples] of counters) {
    new Counter({
      name: prefix + name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const [labels, value] of samples(counted())) this.inc(labels, value)
      },
    })
  }
  const [gauges, standing] = rows.gauges
  for (const [name, help, labelNames, samples] of gauges) {
    new Gauge({
      name: prefix + name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const [labels, value] of samples(standing())) this.set(labels, value)
      },
    })
  }
}

/**
 * Registers the metrics of a hub with prom-client. The numbers are read when they are scraped; a message costs nothing. Once
 * for each hub of a registry: a second one needs another prefix.
 * Returns the registry.
 */
export const hubMetrics = (hub: Observed, options: HubMetricsOptions = {}): Registry => {
  const { registry = globalRegistry, prefix = 'holdfast_' } = options
  registerAll({ registry, prefix, counters: [COUNTERS, () => hub.metrics], gauges: [GAUGES, () => hub] })
  for (const [name, help, timed] of HISTOGRAMS) {
    registry.registerMetric(histogram(prefix + name, help, () => timed(hub.metrics)))
  }
  return registry
}

const QUEUE_COUNTERS: readonly Row<QueueStatus>[] = [
  ['queue_published_total', 'Entries that this process published.', [], ({ published }) => [[{}, published]]],
  [
    'queue_refused_total',
    'Entries that were put aside, for they can never be published.',
    [],
    ({ refused }) => [[{}, refused]],
  ],
  ['queue_lost_total', 'Entries that were removed before they were published.', [], ({ lost }) => [[{}, lost]]],
  ['queue_retries_total', 'What failed and was done again.', [], ({ retried }) => [[{}, retried]]],
]

const QUEUE_GAUGES: readonly Row<QueueStatus>[] = [
  ['queue_reading', '1 where this process reads the queue.', [], ({ isReading }) => [[{}, isReading ? 1 : 0]]],
  ['queue_held', 'Entries that were read here and are not done.', [], ({ held }) => [[{}, held]]],
  ['queue_waiting', 'Entries in the stream: what is not done.', [], ({ waiting }) => [[{}, waiting]]],
  ['queue_lag_seconds', 'Age of the oldest of them.', [], ({ lagMs }) => [[{}, lagMs / 1000]]],
]

/**
 * Registers the metrics of a `redisQueue` with prom-client, as `hubMetrics` does for a hub. Once for each queue of a registry: a second one needs
 * another prefix. Returns the registry.
 */
export const queueMetrics = (
  queue: { readonly status: QueueStatus },
  { registry = globalRegistry, prefix = 'holdfast_' }: HubMetricsOptions = {},
): Registry => {
  const status = (): QueueStatus => queue.status
  registerAll({ registry, prefix, counters: [QUEUE_COUNTERS, status], gauges: [QUEUE_GAUGES, status] })
  return registry
}

/** The buckets are filled already: they are handed over as they are, and not observed one by one as a Histogram would. */
const histogram = (name: string, help: string, timed: () => readonly Timed[]): Metric => {
  const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: bucketsOf(name, timed()) })
  return { name, help, get, reset: () => {} } as unknown as Metric
}

const bucketsOf = (name: string, timed: readonly Timed[]) =>
  timed.flatMap(([labels, { buckets, count, sumMs }]) => [
    ...buckets.map(({ upToMs, count: within }) => ({
      metricName: `${name}_bucket`,
      labels: { le: upToMs / 1000, ...labels },
      value: within,
    })),
    { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
    { metricName: `${name}_sum`, labels, value: sumMs / 1000 },
    { metricName: `${name}_count`, labels, value: count },
  ])
