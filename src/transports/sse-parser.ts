/**
 * The event stream of WHATWG HTML §9.2.6, as far as `data` goes, fed with decoded text: `TextDecoder` takes the one byte order
 * mark that the grammar allows, so a later one belongs to a field name. An event comes out with the chunk that holds the end of
 * its empty line, also when that is a lone CR: waiting for an LF that may belong to it would hold the event back until the next
 * chunk. Time is linear in the length, however it is cut (strings are joined piece by piece and looked at once).
 *
 * @param listener Takes the data of an event.
 * @param maxChars Bound of one line with the data collected before it.
 * @returns Takes a chunk; false when the bound was passed, now or before: then nothing more comes out.
 */
export const sseParser = (listener: (data: string) => void, maxChars: number): ((chunk: string) => boolean) => {
  let fits = true
  let afterCr = false
  let line = ''
  let data = ''
  const bound = (): boolean => (fits &&= line.length + data.length <= maxChars)

  const endLine = (): void => {
    if (!bound()) return
    // Without a colon the whole line is the name.
    const name = /^data(: ?|$)/.exec(line)?.[0]
    if (name) data += line.slice(name.length) + '\n'
    else if (!line && data) {
      listener(data.slice(0, -1))
      data = ''
    }
  }

  return (chunk) => {
    if (chunk) {
      const [first = '', ...more] = (afterCr && chunk.startsWith('\n') ? chunk.slice(1) : chunk).split(/\r\n?|\n/)
      afterCr = chunk.endsWith('\r')
      line += first
      for (const next of more) {
        endLine()
        line = next
      }
      bound()
    }
    return fits
  }
}
