import { expect, it } from 'vitest'
import { redirectOf } from './redirect.ts'

it.each([
  ['MOVED 3999 127.0.0.1:6381', { kind: 'moved', slot: 3999, address: '127.0.0.1:6381' }],
  ['MOVED 3999 ::1:6381', { kind: 'moved', slot: 3999, address: '::1:6381' }],
  ['MOVED 3999 redis-2.example:6381', { kind: 'moved', slot: 3999, address: 'redis-2.example:6381' }],
  ['MOVED 3999 :6381', { kind: 'moved', slot: 3999, address: 'here:6381' }],
  ['MOVED 3999 ?:6381', { kind: 'moved', slot: 3999, address: 'here:6381' }],
  ['ASK 3999 127.0.0.1:6381', { kind: 'ask', address: '127.0.0.1:6381' }],
  ['TRYAGAIN Multiple keys request during rehashing of slot', { kind: 'wait' }],
  ['LOADING Redis is loading the dataset in memory', { kind: 'wait' }],
  ['CLUSTERDOWN The cluster is down', { kind: 'down' }],
  // Of these it is not certain that nothing was done.
  ['ERR Script attempted to access a non local key in a cluster node', null],
  ['READONLY You can not write against a read only replica', null],
  ['OOM command not allowed', null],
  ['Socket closed unexpectedly', null],
])('%s', (message, redirect) => {
  expect(redirectOf(new Error(message), 'here:7000')).toEqual(redirect)
})
