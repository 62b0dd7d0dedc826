// A client in Node that gets a message of its own, closes, and has nothing more to do: node e2e/node-client.mjs <url> <channel> <transport>
import { createClient, longPoll, poll, sse, webSocket } from 'holdfast/core'
import { WebSocket } from 'ws'

const [, , url, channel, name] = process.argv
/** Says where it comes from, as a browser does: the hub lets no WebSocket in that does not. */
class OfThisOrigin extends WebSocket {
  constructor(address, protocols) {
    super(address, protocols, { origin: new URL(url).origin })
  }
}
const all = { websocket: webSocket({ WebSocket: OfThisOrigin }), sse: sse(), 'long-poll': longPoll(), poll: poll() }
const client = createClient({ url, transports: name === 'ladder' ? Object.values(all) : [all[name]] })
client.subscribe(channel, ({ data }) => {
  process.stdout.write(`got ${data}\n`)
  client.close()
})
await client.publish(channel, 'it')
