import { GROUP, queueNames } from './queue-names.ts'

/** An error of Redis about a queue in words that say what to do, where its own do not. */
export const explained = (error: unknown, stream: string): unknown => {
  const text = error instanceof Error ? error.message : ''
  const advice = ADVICE.find(([found]) => found.test(text))?.[1]
  return advice ? new Error(`${advice(stream)} (${text.slice(0, 300)})`, { cause: error }) : error
}

const ADVICE: readonly (readonly [RegExp, (stream: string) => string])[] = [
  [
    /WRONGTYPE/,
    (stream) => `the key ${stream} in Redis is no stream: give the queue another name, or remove what is there`,
  ],
  [
    /OTHERGROUP/,
    (stream) =>
      `the stream ${stream} has a consumer group beside ${GROUP}, which would miss what the queue removes: give the queue a stream of its own`,
  ],
  [
    /NOPERM|can't run this command|can't access/,
    (stream) => {
      const { lease } = queueNames(stream)
      const keys = `~${stream} ~${lease.slice(0, -'lease'.length)}*`
      return `the user of Redis lacks a right for the queue: it needs ${keys} +@read +@write +@connection +eval +evalsha +script|load +time`
    },
  ],
]
