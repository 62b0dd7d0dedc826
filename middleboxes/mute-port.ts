import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** Listens with the smallest queue, and says where. */
const PROGRAM = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })`

/** More than the queue holds. */
const FILL = 8

/** A port of loopback that answers no connection, as a machine that is off: neither takes nor refuses one. */
export interface MutePort {
  readonly port: number
  close(): void
}

/** A process that stands still, with a queue of connections that is full. */
export const openMutePort = async (): Promise<MutePort> => {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] })
  const onExit = (): void => void child.kill('SIGKILL')
  process.once('exit', onExit)
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(said.toString())
  child.kill('SIGSTOP')
  const sockets: Socket[] = []
  for (let count = 0; count < FILL; count++) sockets.push(connect(port, '127.0.0.1').on('error', () => undefined))
  await once(sockets[0]!, 'connect')
  return {
    port,
    close: () => {
      for (const socket of sockets) socket.destroy()
      process.off('exit', onExit)
      onExit()
    },
  }
}
