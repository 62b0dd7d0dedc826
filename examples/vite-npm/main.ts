import { createClient } from 'holdfast'

type Quotes = Record<`quotes:${string}`, { bid: number; ask: number }>

const client = createClient<Quotes>({ url: '/realtime' })

function show(id: string, text: string) {
  const element = document.getElementById(id)
  if (element) element.textContent = text
}

client.on('state', ({ name, transport }) => {
  show('state', transport ? `${name} (${transport})` : name)
  show('why', client.explain().summary)
})

for await (const item of client.read('quotes:KELP', { from: { last: 1 } })) {
  if (item.type === 'gap') continue
  show('price', `${item.data.bid.toFixed(2)} / ${item.data.ask.toFixed(2)}`)
}
