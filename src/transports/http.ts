export interface HttpOptions {
  /** Called without `this`. @default globalThis.fetch */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
}

/** What all transports over HTTP have in common. */
export const overHttp = ({ fetch }: HttpOptions) => ({
  duplex: false,
  part: async (url: string, body: string) => {
    const headers = { 'content-type': 'application/json' }
    try {
      await (fetch ?? globalThis.fetch)(`${url}/publish`, { method: 'POST', headers, body, keepalive: true })
    } catch {
      // The page goes, and so does whoever would care.
    }
  },
  supported: () => !!(fetch ?? globalThis.fetch),
})

/** Most characters of one answer or event: a full batch (PROTOCOL.md §3.12, §9) with room for what JSON adds to it. */
export const MAX_CHARS = 1_400_000

/** What a proxy's page is read for: enough to find its title. */
export const MAX_FOREIGN_CHARS = 4096

/** `Retry-After` in ms: seconds or an HTTP date; undefined for what is neither or is past. */
export const retryAfterMs = (value: string, wallMs: number): number | undefined => {
  // oxlint-disable-next-line no-restricted-globals -- of a time that is given
  const ms = /^\d+$/.test(value) ? +value * 1000 : value.endsWith('GMT') ? Date.parse(value) - wallMs : -1
  return ms >= 0 ? Math.min(ms, 300_000) : undefined
}

/** A person's answer to "what was that": the message of the hub's error, the title of a page, else the text from its start. */
export const detailOf = (text: string): string | undefined =>
  (/(?<=<title[^>]*>|"message":")[^<"]+/i.exec(text)?.[0] ?? text).trim().slice(0, 200) || undefined
