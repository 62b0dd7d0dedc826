// @ts-check
/* global holdfast */

/** The client library, as its script tag left it. */
export const { createClient } = holdfast
