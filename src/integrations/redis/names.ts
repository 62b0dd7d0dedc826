/** A channel's name as a part of a key: visible ASCII without braces, so that it can be read, and is one hash slot whatever it is called. */
const encoded = (channel: string): string =>
  encodeURIComponent(channel).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)

/** The names in Redis of one channel. Braces: all of a channel lies in one hash slot of a cluster. */
export interface Names {
  /** Hash: epoch, newest message, newest trimmed message. */
  readonly meta: string
  /** Stream: the messages. */
  readonly log: string
  /** Of a conflated channel, hash: the offset of the newest message of each key; stream: those of them that left the log. */
  readonly newest: readonly [offsets: string, kept: string]
  /** Hash and sorted sets: the window of publish keys. */
  readonly window: readonly [values: string, sequenced: string, plain: string, last: string]
  /** Of presence, hash: who is there; sorted set: until when. */
  readonly leases: readonly [leases: string, ends: string]
  /** Pub/Sub: each append. */
  readonly notice: string
}

export const namesOf = (prefix: string, channel: string): Names => {
  const name = (part: string): string => `${prefix}:{${encoded(channel)}}:${part}`
  return {
    meta: name('meta'),
    log: name('log'),
    newest: [name('newest'), name('kept')],
    window: [name('keys'), name('sequenced'), name('plain'), name('last')],
    leases: [name('leases'), name('ends')],
    notice: name('notice'),
  }
}

/** Pub/Sub for what all hubs hear. */
export const announcements = (prefix: string): string => `${prefix}:announcements`
