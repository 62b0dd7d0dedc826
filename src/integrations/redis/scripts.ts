import { createHash } from 'node:crypto'
import { APPEND } from './lua-append.ts'
import { READ } from './lua-read.ts'

export interface Script {
  readonly lua: string
  /** What Redis knows it by once it was loaded. */
  readonly sha: string
}

export const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

/** `SPUBLISH`, in a cluster: the notice stays with the nodes that have the slot of the channel. */
export const appendScript = (publish: 'PUBLISH' | 'SPUBLISH'): Script =>
  script(`local publish = '${publish}'\n${APPEND}`)
export const readScript = script(READ)
