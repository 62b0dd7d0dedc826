import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { COLUMNS } from './page-harness.ts'
import { expect, test } from './hub-fixture.ts'

const program = fileURLToPath(new URL('node-client.mjs', import.meta.url))

for (const { name } of COLUMNS) {
  test(
    `R20 a Node process whose client was closed ends by itself: ${name}`,
    { tag: '@chromium' },
    async ({ hubServer, net }) => {
      const child = spawn(process.execPath, [program, `${hubServer.url}/realtime`, net.channel, name], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      // A process that does not end by itself is killed, and says so with a signal.
      const impatient = setTimeout(() => child.kill(), 20_000)
      const [said, ended] = await Promise.all([text(child.stdout), once(child, 'exit')])
      clearTimeout(impatient)
      expect([said, ended]).toEqual(['got it\n', [0, null]])
    },
  )
}
