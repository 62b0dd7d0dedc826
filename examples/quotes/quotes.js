// One channel per instrument, all over one connection.
const symbols = ['ALDR', 'BRCH', 'CEDR', 'DUNE', 'EMBR', 'FERN', 'GALE', 'HAZE', 'IRIS', 'JUNO', 'KELP', 'LARK']
const client = window.holdfast.createClient({ url: '/realtime' })

client.on('state', ({ name, transport }) => {
  document.getElementById('state').textContent = transport ? `${name} (${transport})` : name
})

for (const symbol of symbols) {
  const row = document.querySelector('tbody').insertRow()
  const [name, bid, ask, update] = [row.insertCell(), row.insertCell(), row.insertCell(), row.insertCell()]
  name.textContent = symbol

  const subscription = client.subscribe(
    `quotes:${symbol}`,
    ({ data, offset }) => {
      bid.textContent = data.bid.toFixed(2)
      ask.textContent = data.ask.toFixed(2)
      update.textContent = `#${offset}`
    },
    { from: { last: 1 } },
  )
  subscription.on('gap', ({ reason }) => {
    update.textContent = `missed some (${reason})`
  })
}
