/** What an event stream said, at the empty line that ended it. `id` is the last event ID: it lasts until another comes. */
export type SseListener = (data: string, event: string, id: string) => void

/**
 * The event stream of WHATWG HTML §9.2.6, fed with decoded text: `TextDecoder` takes the one byte order mark that the grammar
 * allows, so a later one belongs to a field name. An event comes out with the chunk that holds the end of its empty line, also
 * when that is a lone CR: waiting for an LF that may belong to it would hold the event back until the next chunk. Time is
 * linear in the length, however it is cut (strings are joined piece by piece and looked at once).
 *
 * @param maxChars Bound of one line with the data collected before it.
 * @returns Takes a chunk; false when the bound was passed, now or before: then nothing more comes out.
 */
export const sseParser = (
  listener: SseListener,
  maxChars: number,
  onRetry?: (ms: number) => void,
): ((chunk: string) => boolean) => {
  let fits = true
  let afterCr = false
  let rest = ''
  let data = ''
  let event = ''
  let id = ''
  const bound = (line: string): boolean => (fits &&= line.length + data.length <= maxChars)

  const take = (line: string): void => {
    if (!bound(line)) return
    if (line) {
      // Without a colon the whole line is the name; before a first colon the name is empty: a comment.
      const [, name, value = ''] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
      if (name === 'data') data += value + '\n'
      else if (name === 'event') event = value
      else if (name === 'id' && !value.includes('\0')) id = value
      else if (name === 'retry' && /^\d+$/.test(value)) onRetry?.(+value)
    } else {
      const ended = data
      const type = event
      data = event = ''
      if (ended) listener(ended.slice(0, -1), type || 'message', id)
    }
  }

  return (chunk) => {
    if (chunk) {
      const lines = (afterCr && chunk.startsWith('\n') ? chunk.slice(1) : chunk).split(/\r\n?|\n/)
      afterCr = chunk.endsWith('\r')
      rest += lines[0] ?? ''
      if (lines.length > 1) {
        lines[0] = rest
        rest = lines.pop() ?? ''
        lines.forEach(take)
      }
      bound(rest)
    }
    return fits
  }
}
