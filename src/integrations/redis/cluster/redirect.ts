/** What a node says of a command that it did not do. */
export type Redirect =
  /** The slot has another master. */
  | { readonly kind: 'moved'; readonly slot: number; readonly address: string }
  /** The slot is moving, and what the command is about is with that node already. */
  | { readonly kind: 'ask'; readonly address: string }
  /** The slot is moving, and some is here and some there; or the node is not ready yet. */
  | { readonly kind: 'wait' }
  /** As much, and who has the slot may have changed. */
  | { readonly kind: 'down' }

/** An error that a command has before anything of it is done, so that it can be sent again; null for any other. `from`: who said it. */
export const redirectOf = (error: unknown, from: string): Redirect | null => {
  const text = error instanceof Error ? error.message : ''
  const [, kind, slot = '', address = ''] = /^(MOVED|ASK) (\d+) (\S*:\d+)$/.exec(text) ?? []
  if (kind === 'ASK') return { kind: 'ask', address: fullAddress(address, from) }
  if (kind === 'MOVED') return { kind: 'moved', slot: Number(slot), address: fullAddress(address, from) }
  if (/^(TRYAGAIN|LOADING|BUSY) /.test(text)) return { kind: 'wait' }
  if (/^(CLUSTERDOWN|MASTERDOWN) /.test(text)) return { kind: 'down' }
  return null
}

/** A node that does not know its host's name means the one it was reached by. */
const fullAddress = (address: string, from: string): string => {
  const [, port] = /^\??:(\d+)$/.exec(address) ?? []
  return port === undefined ? address : from.replace(/:\d+$/, `:${port}`)
}
