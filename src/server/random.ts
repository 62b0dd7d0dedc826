import { randomFillSync } from 'node:crypto'

// One system call serves about a thousand message ids.
const pool = Buffer.allocUnsafeSlow(8192)
let used = pool.length

/** `bytes` (at most 64) random bytes from the system's generator, as base64url. */
export const randomToken = (bytes: number): string => {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('base64url', used - bytes, used)
}
