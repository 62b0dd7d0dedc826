/** Listeners of named events. */
export interface Emitter<Events extends object> {
  /** Returns the function that removes the listener; it is not called after that, not even by an event that is under way. */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => unknown): () => void
  emit<E extends keyof Events>(event: E, value: Events[E]): void
}

/** Makes an emitter. `report` gets what a listener throws, and the event that it was for. */
export const createEmitter = <Events extends object>(
  report: (cause: unknown, event: keyof Events) => void,
): Emitter<Events> => {
  const entries = new Set<readonly [event: keyof Events, listener: (value: never) => unknown]>()
  /** Calls the application; what it throws, or what its promise rejects with, is reported and stops nobody (R21). */
  const call = async (listener: () => unknown, event: keyof Events): Promise<void> => {
    try {
      await listener()
    } catch (cause) {
      report(cause, event)
    }
  }
  return {
    on(event, listener) {
      const entry = [event, listener] as const
      entries.add(entry)
      return () => {
        entries.delete(entry)
      }
    },
    emit(event, value) {
      for (const entry of [...entries]) {
        const [name, listener] = entry
        if (name === event && entries.has(entry)) void call(() => listener(value as never), event)
      }
    },
  }
}
