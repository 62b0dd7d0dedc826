import { concernOf, isPublishKey, parseJson, readChannel, readClientFrame } from '../protocol/validate-client-frames.ts'
import type { User } from './authorize.ts'
import { ackText, batchText, errorText, refusal } from './frame-text.ts'
import type { GatewayRequest, GatewayResponse } from './gateway-types.ts'
import type { HubCore } from './hub-core.ts'
import { ANONYMOUS } from './publisher.ts'
import type { PublishLink } from './publisher.ts'
import { single } from './query-request.ts'
import { checkType, readBody, readHelloBatch } from './request-body.ts'
import { batchResponse, errorResponse } from './responses.ts'

/** `POST /publish`: the hello, then publishes; an ack or error for each, in order (PROTOCOL.md §6.5). */
export const publishBatch = async (
  core: HubCore,
  request: GatewayRequest,
  authenticate: (token: string | undefined) => Promise<User | null>,
): Promise<GatewayResponse> => {
  checkType(request, ['application/json'])
  const { hello, rest } = await readHelloBatch(core, request)
  const { publishesPerBatch } = core.limits
  if (rest.length > publishesPerBatch) {
    throw refusal('too-many', `a batch may have ${publishesPerBatch} publishes at most, not ${rest.length}`)
  }
  if (rest.length === 0) throw refusal('bad-request', 'after the hello there must be a publish')
  refuseWhenClosing(core)
  const user = await authenticate(hello.token)
  const peer = { address: core.admission.addressOf(request), userId: user?.userId }
  // Nothing of it can be taken: then it is the request that is refused.
  const refused = core.admission.check('publish', peer)
  if (refused) throw refused
  const link = core.publisher.link(user, hello.client, () => core.admission.take('publish', peer))
  // A slow store must not take longer than the client waits, or it would send all of them again and again.
  const dueMs = core.now() + core.limits.publishMs
  // All are handed over in this turn, so nothing of the same client comes between them.
  const answers = await Promise.all(
    rest.map((value, index) => answerOne(core, link, value, () => index > 0 && core.now() > dueMs)),
  )
  const welcome = core.welcome(hello, user, core.heartbeatMs(hello.heartbeatMs))
  return batchResponse(batchText([welcome, ...answers.filter((answer) => answer !== null)]))
}

const answerOne = async (
  core: HubCore,
  link: PublishLink,
  value: unknown,
  isLate: () => boolean,
): Promise<string | null> => {
  try {
    const frame = readClientFrame(value, core.limits)
    if (frame === null) return null
    if (frame.type === 'publish') return await link.publish(frame, isLate)
    if (frame.type === 'send') return await link.send(frame)
    throw refusal('bad-request', `a ${frame.type} frame has no place here, after the hello`, { field: 'type' })
  } catch (error) {
    const refused = core.asRefusal(error, 'reading a publish')
    core.telemetry.refused(refused, 'frame')
    const concern = concernOf(value)
    return concern && errorText(refused, concern)
  }
}

/** `POST /publish?channel=c`: the body is the data (PROTOCOL.md §6.6). */
export const publishBare = async (
  core: HubCore,
  request: GatewayRequest,
  query: URLSearchParams,
  authenticate: () => Promise<User | null>,
): Promise<GatewayResponse> => {
  checkType(request, ['application/json'])
  const channel = readChannel(single(query, 'channel'), 'channel')
  const key = request.header('idempotency-key')
  if (key !== undefined && !isPublishKey(key)) {
    throw refusal('bad-request', 'Idempotency-Key must be 1 to 128 visible ASCII characters', {
      field: 'Idempotency-Key',
    })
  }
  const json = JSON.stringify(parseJson(await readBody(core, request), core.limits.jsonDepth))
  refuseWhenClosing(core)
  const user = await authenticate()
  const peer = { address: core.admission.addressOf(request), userId: user?.userId }
  const refused = core.admission.take('publish', peer)
  if (refused) throw refused
  const outcome = await core.publisher.append(user, channel, {
    json,
    ...(key === undefined ? {} : { key: { userId: user?.userId ?? ANONYMOUS, key } }),
    ...(user === null ? {} : { sender: user.userId }),
  })
  if ('refused' in outcome) return errorResponse(outcome.refused)
  return batchResponse(batchText([ackText(undefined, outcome.place)]))
}

const refuseWhenClosing = (core: HubCore): void => {
  if (core.links.draining)
    throw refusal('unavailable', 'the hub is closing; publish again later', { retryAfterMs: 1000 })
}
