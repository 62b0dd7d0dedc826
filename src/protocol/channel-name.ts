/** At least one character, and none that is a control, a line or paragraph separator, or a lone surrogate. */
const PLAIN = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]+$/u

/** Bytes of UTF-8, of text without lone surrogates: percent-encoded, each byte that is not plain has three characters. */
export const bytesOf = (text: string): number => encodeURIComponent(text).replace(/%../g, ' ').length

/** PROTOCOL.md §1.1: 1 to 256 bytes of UTF-8. */
export const isChannelName = (text: string): boolean => text.length <= 256 && PLAIN.test(text) && bytesOf(text) <= 256
