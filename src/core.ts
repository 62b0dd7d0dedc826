// A placeholder until the client exists.
export const createClient = (): never => {
  throw new Error('not written yet')
}
export const webSocket = (): never => {
  throw new Error('not written yet')
}
