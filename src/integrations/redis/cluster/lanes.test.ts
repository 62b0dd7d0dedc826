import { describe, expect, it } from 'vitest'
import { Lanes } from './lanes.ts'

const [a, b] = [{ name: 'a' }, { name: 'b' }]

/** Sends that are answered by hand. */
const setUp = () => {
  const lanes = new Lanes<{ readonly name: string }>()
  const log: string[] = []
  const answers = new Map<string, (result: string | null | Error) => void>()
  const answered = <Result extends string | null>(id: string) =>
    new Promise<Result>((resolve, reject) =>
      answers.set(id, (result) => (result instanceof Error ? reject(result) : resolve(result as Result))),
    )
  const run = (id: string, way: { readonly name: string } | null, key = 'key') =>
    lanes
      .run<string>(
        key,
        way,
        (way) => {
          log.push(`${id} ${way.name}`)
          return answered<string | null>(id)
        },
        async (before) => {
          await before
          log.push(`${id} again`)
          return answered<string>(`${id} again`)
        },
      )
      .catch((error: unknown) => `${id} failed: ${String(error)}`)
  const answer = async (id: string, result: string | null | Error) => {
    answers.get(id)?.(result)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { run, log, answer }
}

describe('Lanes', () => {
  it('what goes the same way does not wait', async () => {
    const { run, log, answer } = setUp()
    const results = [run('1', a), run('2', a)]
    expect(log).toEqual(['1 a', '2 a'])
    await answer('2', 'two')
    await answer('1', 'one')
    expect(await Promise.all(results)).toEqual(['one', 'two'])
  })

  it('R6 what has to be sent again, and what comes then, keeps its order', async () => {
    const { run, log, answer } = setUp()
    void run('1', a)
    void run('2', a)
    await answer('1', null)
    expect(log).toEqual(['1 a', '2 a', '1 again'])
    // The way is another now, and the second is not back yet.
    void run('3', b)
    await answer('2', null)
    expect(log).toHaveLength(3)
    await answer('1 again', 'one')
    expect(log.slice(3)).toEqual(['2 again'])
    await answer('2 again', 'two')
    expect(log.slice(4)).toEqual(['3 again'])
    await answer('3 again', 'three')
    void run('4', b)
    expect(log.slice(5)).toEqual(['4 b'])
  })

  it('R6 another way is not taken before the old one is clear', async () => {
    const { run, log, answer } = setUp()
    void run('1', a)
    void run('2', b)
    void run('3', null)
    expect(log).toEqual(['1 a'])
    await answer('1', 'one')
    expect(log).toEqual(['1 a', '2 again'])
    await answer('2 again', new Error('lost'))
    expect(log.slice(2)).toEqual(['3 again'])
  })

  it('a failure is handed on and holds nobody up; another key goes by itself', async () => {
    const { run, log, answer } = setUp()
    const first = run('1', a)
    void run('2', b)
    void run('other', b, 'another key')
    expect(log).toEqual(['1 a', 'other b'])
    await answer('1', new Error('lost'))
    expect(await first).toBe('1 failed: Error: lost')
    expect(log.slice(2)).toEqual(['2 again'])
  })
})
