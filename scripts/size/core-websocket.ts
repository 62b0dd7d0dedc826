// The smallest useful client: what `size-limit` measures as "holdfast/core with WebSocket only".
export { createClient, webSocket } from '../../src/core.ts'
