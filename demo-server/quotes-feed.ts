import type { Quote } from './channels.ts'

/** Symbol, first price, and how lively it is. All are made up. */
const instruments: readonly (readonly [symbol: string, price: number, volatility: number])[] = [
  ['ALDR', 182.4, 1],
  ['BRCH', 64.15, 0.8],
  ['CEDR', 311.7, 1.4],
  ['DUNE', 27.9, 2],
  ['EMBR', 94.62, 1.2],
  ['FERN', 143.05, 0.7],
  ['GALE', 58.33, 1.8],
  ['HAZE', 12.48, 2.4],
  ['IRIS', 221.9, 0.9],
  ['JUNO', 405.2, 1.1],
  ['KELP', 76.84, 1.6],
  ['LARK', 33.27, 1],
  ['MOSS', 118.6, 0.6],
  ['NOVA', 512.75, 2.1],
  ['OPAL', 88.1, 0.9],
  ['PIKE', 45.66, 1.3],
  ['REEF', 159.95, 1.5],
  ['SAGE', 71.4, 0.7],
  ['TIDE', 267.3, 1.2],
  ['WREN', 19.85, 1.9],
]

/** The symbols of the feed; each has the channel `quotes:<symbol>`. */
export const symbols: readonly string[] = instruments.map(([symbol]) => symbol)

export interface QuotesFeedOptions {
  readonly publish: (channel: `quotes:${string}`, quote: Quote) => Promise<unknown>
  /** @default 100 */
  readonly everyMs?: number
  readonly random?: () => number
}

/** Publishes a random walk of all instruments, one update at a time. Returns the function that stops it. */
export function startQuotesFeed({ publish, everyMs = 100, random = Math.random }: QuotesFeedOptions): () => void {
  const walkers = instruments.map(([symbol, price, volatility]) => ({ symbol, price, base: price, volatility }))
  const step = () => {
    const walker = walkers[Math.floor(random() * walkers.length)]
    if (!walker) return
    const drift = (walker.base - walker.price) / walker.base / 40
    walker.price *= 1 + drift + (random() - 0.5) * 0.003 * walker.volatility
    publish(`quotes:${walker.symbol}`, quoteOf(walker.price)).catch(() => {
      // The hub is closing, or its store is away: a ticker can leave out a price.
    })
  }
  for (const { symbol, price } of walkers) publish(`quotes:${symbol}`, quoteOf(price)).catch(() => undefined)
  const timer = setInterval(step, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

function quoteOf(price: number): Quote {
  const spread = Math.max(0.01, price * 0.0004)
  return { bid: cents(price - spread / 2), ask: cents(price + spread / 2) }
}

const cents = (value: number) => Math.round(value * 100) / 100
