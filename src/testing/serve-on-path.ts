import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hub } from '../server/hub-types.ts'

/** Lets a server of a hub listen on a socket in a folder of its own, which holds little on its way. `close` ends both and takes the folder away. */
export const serveOnPath = async (
  server: Server,
  hub: Pick<Hub, 'close'>,
): Promise<{ readonly path: string; readonly close: () => Promise<void> }> => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  const path = join(folder, 'hub.sock')
  server.listen(path)
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await hub.close()
    server.close()
    rmSync(folder, { recursive: true })
  }
  return { path, close }
}
