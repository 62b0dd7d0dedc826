interface WithHandle {
  readonly _handle?: { readonly writeQueueSize?: unknown } | null
}

/**
 * Bytes in the queue of the operating system's stream. Node counts a write as unsent until all of it is taken; its own
 * timeout looks at this queue to see that a slow peer takes a large write bit by bit, and so does ours. 0 where it is
 * not told.
 */
export const unsentBytes = (socket: object | null | undefined): number => {
  const { _handle } = (socket ?? {}) as WithHandle
  const size = _handle?.writeQueueSize
  return typeof size === 'number' ? size : 0
}
