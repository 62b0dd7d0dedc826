/** Length of `text` in bytes of UTF-8; a lone surrogate counts as the three bytes of its replacement. */
export const utf8Length = (text: string): number => {
  let bytes = 0
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
    // A pair is one character of four bytes.
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00) {
      bytes++
      index++
    }
  }
  return bytes
}

/** True when arrays and objects nest deeper than `limit`. One pass, without recursion, over text that may be no JSON. */
export const nestsDeeper = (json: string, limit: number): boolean => {
  let depth = 0
  for (let index = 0; index < json.length; index++) {
    const unit = json.charCodeAt(index)
    if (unit === 0x22) {
      index = endOfString(json, index + 1)
    } else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > limit) return true
    } else if (unit === 0x5d || unit === 0x7d) {
      depth--
    }
  }
  return false
}

/** Index of the quotation mark that ends the string whose text begins at `from`, or the length. */
const endOfString = (json: string, from: number): number => {
  for (let end = json.indexOf('"', from); end !== -1; end = json.indexOf('"', end + 1)) {
    let first = end
    while (first > from && json.charCodeAt(first - 1) === 0x5c) first--
    // An odd number of backslashes before it makes it part of the text.
    if ((end - first) % 2 === 0) return end
  }
  return json.length
}

/** JSON leaves some controls and separators as they are, and to a log or a terminal they are ends of lines. */
const quoted = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** What a value is, in words for an error message; short and without control characters. */
export const kindOf = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'string') return value.length <= 40 ? quoted(value) : `a string of ${value.length} characters`
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return 'an object'
}
