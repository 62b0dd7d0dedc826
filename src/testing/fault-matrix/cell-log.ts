import type { Place } from '../../protocol/position.ts'
import { memoryStore } from '../../server/memory-store.ts'
import type { MemoryStore } from '../../server/memory-store.ts'
import type { Store } from '../../server/store.ts'
import type { Historian } from '../historian.ts'

export const KEPT = { messages: 10_000, ageMs: 3_600_000 }
export type Kept = typeof KEPT

/** Where the log of a cell lives, and how it comes into the history. */
export interface CellLog {
  /** Messages in it so far. */
  readonly appended: number
  /** What a hub gets, the `index`th of the cell. */
  store(index: number): Store
  /** Where each channel ends now. */
  heads(): Promise<ReadonlyMap<string, Place>>
  /** Writes down what only the log itself knows. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** Where each channel of a store ends now. */
export const headsOf = async (store: Store, channels: readonly string[]): Promise<ReadonlyMap<string, Place>> => {
  const heads = new Map<string, Place>()
  for (const channel of channels) {
    const { after } = await store.read(channel, 'latest', { messages: 1, bytes: 1 })
    heads.set(channel, after)
  }
  return heads
}

/** In the memory of this process, which all hubs of the cell share: each append is written down as it is made. */
export class MemoryCellLog implements CellLog {
  readonly #historian: Historian
  readonly #channels: readonly string[]
  readonly #kept: Kept
  #memory: MemoryStore
  #store: Store

  constructor(historian: Historian, channels: readonly string[], kept: Kept = KEPT) {
    this.#historian = historian
    this.#channels = channels
    this.#kept = kept
    ;[this.#memory, this.#store] = this.#open()
  }

  get appended(): number {
    return this.#historian.appended
  }

  store(): Store {
    return this.#store
  }

  heads(): Promise<ReadonlyMap<string, Place>> {
    return headsOf(this.#memory, this.#channels)
  }

  settle(): Promise<void> {
    return Promise.resolve()
  }

  /** Another log, as a hub that keeps it in memory has it after a restart. */
  async restart(): Promise<void> {
    ;[this.#memory, this.#store] = this.#open()
    await this.#historian.epoch(this.#memory, this.#channels)
  }

  close(): Promise<void> {
    return this.#memory.close()
  }

  #open(): [MemoryStore, Store] {
    const { messages, ageMs } = this.#kept
    const memory = memoryStore(this.#kept)
    return [memory, this.#historian.store(memory, messages, ageMs < KEPT.ageMs)]
  }
}
