// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const BAD_IN_NAME = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Surrogate}]/u

/** PROTOCOL.md §1.1: 1 to 256 bytes of UTF-8. Percent-encoded, each byte that is not plain has three characters. */
export const isChannelName = (text: string): boolean =>
  text.length > 0 &&
  text.length <= 256 &&
  !BAD_IN_NAME.test(text) &&
  encodeURIComponent(text).replace(/%../g, ' ').length <= 256
