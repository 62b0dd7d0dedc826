import type { Clock } from '../base/clock.ts'
import type { VirtualNetwork } from './virtual-network.ts'

/** Bodies of a virtual network's answers come so many bytes every 100 ms. */
export const pacedFetch =
  (clock: Clock, { fetch }: Pick<VirtualNetwork, 'fetch'>, bytes: number): VirtualNetwork['fetch'] =>
  async (url, init) => {
    const response = await fetch(url, init)
    const whole = new Uint8Array(await response.arrayBuffer())
    let at = 0
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise<void>((resolve) => void clock.after(100, resolve))
        controller.enqueue(whole.slice(at, at + bytes))
        at += bytes
        if (at >= whole.length) controller.close()
      },
    })
    return new Response(body, { status: response.status, headers: response.headers })
  }
