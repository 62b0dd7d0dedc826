// Old syntax on purpose: it must run, and say so, on the Node that is too old.
var engines = require('../package.json').engines.node
var need = engines
  .replace(/[^0-9.]/g, '')
  .split('.')
  .map(Number)
var have = process.versions.node.split('.').map(Number)
if (have[0] < need[0] || (have[0] === need[0] && have[1] < need[1])) {
  console.error(
    'Node ' +
      process.versions.node +
      ' is too old: holdfast needs Node ' +
      engines +
      '. See https://nodejs.org/en/download',
  )
  process.exit(1)
}
