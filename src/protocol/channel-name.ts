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

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const BAD_IN_NAME = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Surrogate}]/u

/** PROTOCOL.md §1.1. */
export const isChannelName = (text: string): boolean =>
  text.length > 0 && text.length <= 256 && utf8Length(text) <= 256 && !BAD_IN_NAME.test(text)
