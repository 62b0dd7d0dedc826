import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const ROUNDS_OF_GC = 4

/** Collects all that nothing holds any more, and returns the bytes that are still in use on the heap. */
export const heapUsed = (): Promise<number> => leastUsed(({ heapUsed: bytes }) => bytes)

/** The same with the buffers beside the heap. */
export const memoryUsed = (): Promise<number> =>
  leastUsed(({ heapUsed: bytes, external, arrayBuffers }) => bytes + Math.max(external, arrayBuffers))

const leastUsed = async (bytesOf: (usage: NodeJS.MemoryUsage) => number): Promise<number> => {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  let least = Infinity
  for (let round = 0; round < ROUNDS_OF_GC; round++) {
    // What ended a moment ago is let go of in the turns after it.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    least = Math.min(least, bytesOf(process.memoryUsage()))
  }
  return least
}

/** The middle one of the slopes between any two points (Theil–Sen): one odd point does not move it. */
const slopeOf = (points: readonly number[]): number => {
  const slopes = points.flatMap((to, at) => points.slice(0, at).map((from, before) => (to - from) / (at - before)))
  return slopes.sort((a, b) => a - b)[slopes.length >> 1] ?? 0
}

export interface HeapGrowth {
  /** Bytes that stay behind after one cycle. */
  readonly bytesPerCycle: number
  /** Bytes on the heap after each batch. */
  readonly heaps: readonly number[]
}

/** Runs one batch to warm up and then the others, and says what each cycle leaves on the heap once all is `atRest`. */
export const heapGrowth = async (
  cycle: () => Promise<void>,
  atRest: () => Promise<void>,
  { batches, cycles, atOnce }: { readonly batches: number; readonly cycles: number; readonly atOnce: number },
): Promise<HeapGrowth> => {
  const heaps: number[] = []
  for (let batch = 0; batch <= batches; batch++) {
    for (let n = 0; n < cycles; n += atOnce) await Promise.all(Array.from({ length: atOnce }, cycle))
    await atRest()
    if (batch > 0) heaps.push(await heapUsed())
  }
  return { bytesPerCycle: slopeOf(heaps) / cycles, heaps }
}
