import { http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll } from 'vitest'

/** What the network gives for a request. */
export type Answer = (request: Request) => Response | Promise<Response>

/** Base URL of a hub that only {@link answeringServer} answers for. */
export const url = 'http://hub.example/realtime'

/**
 * Answers that a real server would not give, for the tests of one file. A request that no answer was set for is an error. Returns the
 * function that sets the answer of the running test.
 */
export const answeringServer = (): ((answer: Answer) => void) => {
  const server = setupServer()
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
  afterEach(() => server.resetHandlers())
  afterAll(() => server.close())
  return (answer) => server.use(http.all(`${url}/*`, ({ request }) => answer(request)))
}
