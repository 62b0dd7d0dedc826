import { HoldfastError, isHoldfastError, invalidArgument } from '../base/errors.ts'
import { PRESENCE } from '../protocol/frames.ts'
import type { PresenceEntry } from '../protocol/frames.ts'
import { readChannel } from '../protocol/validate-client-frames.ts'
import type { Presence } from './presence.ts'
import type { ReadFrom, Store } from './store.ts'

/** Somebody who is to be seen on a channel. */
export interface HubMember {
  /** Opaque, of one client object: a user with two tabs is there twice. */
  readonly id: string
  readonly data: unknown
  /** Absent for somebody who is not authenticated. */
  readonly userId?: string
  /** When it came, or changed its data: milliseconds since 1970. */
  readonly timeMs: number
}

const PAGE = { messages: 1000, bytes: 1024 * 1024 }

interface Context {
  readonly store: Store
  readonly presence: Presence
}

/** Who is there, in the order in which they came or changed. @throws HoldfastError as `hub.members` says */
export const membersOf = async ({ store, presence }: Context, channel: string): Promise<HubMember[]> => {
  let name: string
  try {
    name = PRESENCE + readChannel(channel, 'channel')
  } catch (error) {
    throw invalidArgument('channel', isHoldfastError(error) ? error.message : 'a bad name')
  }
  const refused = presence.refuse(channel)
  if (refused) throw invalidArgument('channel', refused.message)
  try {
    await presence.look(name)
    return await readAll(store, name)
  } catch (cause) {
    throw new HoldfastError('unavailable', 'the store does not say who is there; ask again', {
      channel,
      retryable: true,
      cause,
    })
  }
}

const readAll = async (store: Store, name: string): Promise<HubMember[]> => {
  const members = new Map<string, HubMember>()
  let from: ReadFrom = 'earliest'
  for (;;) {
    const page = await store.read(name, from, PAGE)
    // Somebody was forgotten while it was read: it begins again.
    if (page.gap) members.clear()
    for (const { json, sender, timeMs } of page.messages) {
      const { id, data } = JSON.parse(json) as PresenceEntry
      members.delete(id)
      if (data !== undefined) members.set(id, { id, data, timeMs, ...(sender !== undefined && { userId: sender }) })
    }
    const last = page.messages.at(-1)
    if (!page.more || !last) return [...members.values()]
    from = { after: { epoch: page.after.epoch, offset: last.offset, id: last.id } }
  }
}
