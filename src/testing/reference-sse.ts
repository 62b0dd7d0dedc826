/**
 * The data of the events of a whole stream, read as WHATWG HTML §9.2.6 says it, sentence by sentence and slowly: the measure for
 * the parser of the client. Of the other fields nothing becomes of data, so they are left out here too. What the end cuts off is
 * no event.
 */
export const readEventStream = (bytes: Uint8Array): string[] => {
  // "Streams must be decoded using the UTF-8 decode algorithm", which takes one byte order mark off.
  const text = new TextDecoder('utf-8').decode(bytes)
  const events: string[] = []
  let data = ''

  const dispatch = (): void => {
    // "If the data buffer is an empty string, … return."
    if (data === '') return
    if (data.endsWith('\n')) data = data.substring(0, data.length - 1)
    events.push(data)
    data = ''
  }

  const processField = (name: string, value: string): void => {
    if (name === 'data') data = data + value + '\n'
  }

  const processLine = (line: string): void => {
    const colon = line.indexOf(':')
    if (line === '') dispatch()
    else if (colon === -1) processField(line, '')
    else if (colon > 0) {
      let value = line.substring(colon + 1)
      if (value.startsWith(' ')) value = value.substring(1)
      processField(line.substring(0, colon), value)
    }
  }

  // "Lines must be separated by either a CRLF pair, a single LF, or a single CR."
  let line = ''
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character !== '\r' && character !== '\n') {
      line += character
      continue
    }
    if (character === '\r' && text.charAt(at + 1) === '\n') at++
    processLine(line)
    line = ''
  }
  return events
}
