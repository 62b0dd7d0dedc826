import { createHash } from 'node:crypto'
import { APPEND } from './lua-append.ts'
import { LEASE } from './lua-lease.ts'
import { READ } from './lua-read.ts'

export interface Script {
  readonly lua: string
  /** What Redis knows it by once it was loaded. */
  readonly sha: string
}

export const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

/** The scripts that append. `SPUBLISH`, in a cluster: the notice stays with the nodes that have the slot of the channel. */
export const writingScripts = (
  publish: 'PUBLISH' | 'SPUBLISH',
): { readonly append: Script; readonly lease: Script } => {
  const telling = (lua: string): Script => script(`local publish = '${publish}'\n${lua}`)
  return { append: telling(APPEND), lease: telling(LEASE) }
}
export const readScript = script(READ)
