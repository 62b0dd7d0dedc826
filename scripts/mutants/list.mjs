// One rule of the contract broken in each, and the tests that notice. `find` stands exactly once in its file.
import { OF_CLIENT } from './of-client.mjs'
import { OF_HUB } from './of-hub.mjs'

export const MUTANTS = [...OF_CLIENT, ...OF_HUB]
