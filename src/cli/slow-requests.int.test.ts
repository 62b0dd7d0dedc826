import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { Program, publish } from '../testing/program.ts'

const SOCKETS_OF_A_KIND = 25
const TICK_MS = 250
/** The deadline is 10 s; before it was repaired it was 80. */
const PATIENCE_MS = 60_000

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const open = (port: number, text: string): { readonly socket: Socket; text: string; open: boolean } => {
  const one = { socket: connect(port, '127.0.0.1'), text: '', open: true }
  one.socket.setEncoding('latin1').on('data', (chunk: string) => (one.text += chunk))
  one.socket.on('error', () => undefined).on('close', () => (one.open = false))
  one.socket.write(text)
  undo.push(() => one.socket.destroy())
  return one
}

it(
  'S15 `holdfast serve` closes sockets that send a byte at a time within seconds, and leaves idle connections open',
  async () => {
    const program = new Program(['--dev', '--port', '0'])
    undo.push(() => program.kill())
    const url = await program.url()
    const port = Number(new URL(url).port)
    const ask = 'GET /realtime/health HTTP/1.1\r\nHost: x\r\n\r\n'
    const idle = open(port, ask)
    await expect.poll(() => idle.text).toContain('"ready"')

    const starts = ['', 'POST /realtime/poll HTTP/1.1\r\nHost: x\r\nX: ']
    const slow = starts.flatMap((start) => Array.from({ length: SOCKETS_OF_A_KIND }, () => open(port, start)))
    const ticks = setInterval(() => {
      for (const { socket, open: isOpen } of slow.slice(SOCKETS_OF_A_KIND)) if (isOpen) socket.write('y')
    }, TICK_MS)
    undo.push(() => clearInterval(ticks))
    await expect.poll(() => slow.filter(({ open: isOpen }) => isOpen).length, { timeout: PATIENCE_MS }).toBe(0)
    for (const { text } of slow) expect(text).toMatch(/^(HTTP\/1\.1 408 Request Timeout\r\n|$)/)

    // It was idle for longer than a head may take.
    idle.socket.write(ask)
    await expect.poll(() => idle.text.split('"ready"').length).toBe(3)
    expect((await publish(url, 'a')).status).toBe(200)
  },
  PATIENCE_MS + 20_000,
)
