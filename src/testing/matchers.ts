import { expect } from 'vitest'

/** `expect.stringMatching` without its `any`. */
export const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern)

/** `expect.stringContaining` without its `any`. */
export const containing = (text: string): unknown => expect.stringContaining(text)

export const aNumber: unknown = expect.any(Number)
