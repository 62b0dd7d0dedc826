import type { ClientFrame, Hello } from '../protocol/frames.ts'
import { readBatch, readClientFrame } from '../protocol/validate-client-frames.ts'
import { refusal } from './frame-text.ts'
import type { GatewayRequest } from './gateway-types.ts'
import type { HookRequest, HubCore } from './hub-core.ts'

/** What the hooks see of a request. */
export const hookRequest = (request: Pick<GatewayRequest, 'target' | 'header' | 'remoteAddress'>): HookRequest => ({
  url: request.target,
  header: request.header,
  remoteAddress: request.remoteAddress,
})

/** @throws HoldfastError `unsupported-type` */
export const checkType = (request: GatewayRequest, types: readonly string[]): void => {
  const [type = '', ...parameters] = (request.header('content-type') ?? '').toLowerCase().split(';', 4)
  const encoding = request.header('content-encoding') ?? 'identity'
  const charsets = parameters.map((text) => text.trim()).filter((text) => text.startsWith('charset='))
  const isUtf8 = charsets.every((text) => /^charset="?utf-8"?$/.test(text))
  if (types.includes(type.trim()) && isUtf8 && encoding === 'identity') return
  throw refusal('unsupported-type', `a body is taken here as ${types.join(' or ')}, in UTF-8 and not compressed`)
}

/** @throws HoldfastError `timeout`, `too-large` or `bad-request` */
export const readBody = async (core: HubCore, request: GatewayRequest): Promise<string> => {
  const { batchBytes, helloMs } = core.limits
  const tooLarge = () => refusal('too-large', `a body may have ${batchBytes} bytes at most`)
  if (Number(request.header('content-length') ?? 0) > batchBytes) throw tooLarge()
  const body = await new Promise<Awaited<ReturnType<GatewayRequest['body']>>>((resolve, reject) => {
    const cancel = core.clock.after(helloMs, () => {
      reject(refusal('timeout', `the body must arrive within ${helloMs} ms`))
    })
    void request.body(batchBytes).then((result) => {
      cancel()
      resolve(result)
    })
  })
  if (body.kind === 'text') return body.text
  if (body.kind === 'too-large') throw tooLarge()
  throw refusal('bad-request', body.kind === 'gone' ? 'the body broke off' : 'the body is not UTF-8')
}

/** A body that begins with a hello, and the frames after it, unchecked. */
export const readHelloBatch = async (
  core: HubCore,
  request: GatewayRequest,
): Promise<{ hello: Hello; rest: readonly unknown[] }> => {
  const batch = readBatch(await readBody(core, request), core.limits)
  const first: ClientFrame | null = readClientFrame(batch[0], core.limits)
  if (first?.type !== 'hello') throw refusal('bad-request', 'a body must begin with a hello', { field: 'type' })
  return { hello: first, rest: batch.slice(1) }
}
