import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A program with all that it started and wrote, which does not outlive this process, however that ends. */
export interface BoundProcess {
  readonly child: ChildProcess
  /** Ends all of it. Resolves when the program is gone. */
  stop(): Promise<void>
}

// The shell waits for the end of its input, which comes when this process is gone too. Then it ends its whole process group.
const GUARD = '"$@" & read -r line; trap : TERM; kill -TERM 0; wait $!; rm -rf -- "$0"; kill -KILL 0'

/**
 * Starts a program in a process group of its own, with nothing of the user's but the `PATH` and what `env` gives it, and with a
 * folder of its own as home. `output` is `stdio` as of `spawn`, from the standard output on.
 */
export const startBound = (
  program: string,
  args: readonly string[],
  output: Extract<StdioOptions, unknown[]>,
  env: NodeJS.ProcessEnv = {},
): BoundProcess => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-webkit-'))
  const child = spawn('/bin/sh', ['-c', GUARD, folder, program, ...args], {
    cwd: folder,
    detached: true,
    env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, XDG_RUNTIME_DIR: folder, ...env },
    stdio: ['pipe', ...output],
  })
  const over = once(child, 'exit')
  // A guard that is gone cannot be told anything, and need not be.
  child.stdin?.on('error', () => undefined)
  return {
    child,
    stop: async () => {
      child.stdin?.end()
      await over
      // What somebody wrote while the shell removed it.
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
