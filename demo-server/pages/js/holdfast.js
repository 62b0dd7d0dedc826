// @ts-check

/** The client library, as its script tag left it. */
// oxlint-disable-next-line no-undef -- a global (globals.d.ts)
export const { createClient } = holdfast
