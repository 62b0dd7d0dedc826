import { displayAnswers, findWebKit } from '../scripts/find-webkit.mjs'
import { startBound } from './bound-process.ts'

/** Vitest calls it once a run, before the workers: they find the display in their environment. Returns what ends it. */
export default async function useDisplay(): Promise<() => Promise<void>> {
  const given = process.env['DISPLAY']
  if (given && (await displayAnswers(given))) return async () => undefined
  const { xvfb } = findWebKit()
  if (!xvfb) throw new Error(`DISPLAY is ${String(given)}, where nobody answers, and there is no Xvfb`)
  // It takes a free number and tells it once it serves.
  const args = ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp']
  const server = startBound(xvfb, args, ['ignore', 'pipe', 'pipe'])
  process.env['DISPLAY'] = `:${await numberOf(server.child)}`
  return server.stop
}

const numberOf = (child: ReturnType<typeof startBound>['child']): Promise<number> =>
  new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const told = child.stdio[3] as NodeJS.ReadableStream
    let number = ''
    told.setEncoding('utf8').on('data', (text: string) => {
      number += text
      if (number.endsWith('\n')) resolve(Number(number))
    })
    told.once('end', () => reject(new Error(`Xvfb does not serve: ${said}`)))
  })
