import { expect, test } from './kept-page-fixture.ts'
import { COLUMNS, installHarness } from './page-harness.ts'

const KIB = 1_024

// JSON texts, so that nothing on the way to the page can change what is compared.
const PAYLOADS: Readonly<Record<string, string>> = {
  'every kind of JSON': '[null,true,false,0,-1.5e+300,"",{},[[]],{"":{"a":[1,{"b":null}]}}]',
  'an end of an SSE event': JSON.stringify('\n\nid: 9\ndata: x\r\rretry: 1\r\nevent: y\n:\n\n'),
  'names of the prototype': '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":3}',
  'text of the protocol': JSON.stringify('"}]},{"type":"run","data":[{"type":"goodbye"}]}]'),
  'letters of many scripts': JSON.stringify(
    'ÄßéŁ Ω я ש ع ก 漢字 かな 한글 👩‍👩‍👧 🏳️‍🌈 e\u0301 \u202e\u200f\ufeff\u2028\u2029\u00a0\u0085',
  ),
  'control characters': JSON.stringify(Array.from({ length: 0x21 }, (_, code) => String.fromCharCode(code)).join('')),
  'a half of a pair': '"\\ud83d and \\ude00"',
  '60 KB of ASCII': JSON.stringify('x'.repeat(60_000)),
  '60 KB of three bytes each': JSON.stringify('漢'.repeat(20_000)),
  'exactly 64 KiB': JSON.stringify('x'.repeat(64 * KIB - 2)),
}

for (const { name, transports } of COLUMNS) {
  test.describe(name, () => {
    test.beforeEach(({ page, net }) => installHarness(page, net, transports))

    test('§1.4 data comes back as it was published', { tag: '@smoke' }, async ({ page, hubServer, net }) => {
      const texts = Object.values(PAYLOADS)
      const seen = await page.evaluate(async (texts) => {
        const { harness } = window
        const client = harness.createClient()
        const { messages } = harness.record(client)
        for (const text of texts) await client.publish(harness.channel, JSON.parse(text))
        await harness.until(() => messages.length === texts.length, 'every payload')
        const polluted = 'polluted' in {}
        return { data: messages.map(({ data }) => JSON.stringify(data)), polluted, errors: harness.errors }
      }, texts)
      const canonical = texts.map((text) => JSON.stringify(JSON.parse(text)))
      expect(Object.keys(PAYLOADS).filter((_, index) => seen.data[index] !== canonical[index])).toEqual([])
      expect([seen.polluted, seen.errors]).toEqual([false, []])
      // The same from the back end's side.
      await hubServer.hub.publish(net.channel, { note: PAYLOADS['letters of many scripts'] ?? '' })
      const note = await page.evaluate(async (count) => {
        const { harness, recording } = window
        await harness.until(() => recording.messages.length > count, 'the message of the hub')
        return (recording.messages.at(-1)!.data as { note: string }).note
      }, texts.length)
      expect(note).toBe(PAYLOADS['letters of many scripts'])
    })

    test('§9 data over 64 KiB is refused as too-large, and what follows is not', async ({ page }) => {
      const seen = await page.evaluate(async (limit) => {
        const { harness } = window
        const client = harness.createClient()
        const { messages } = harness.record(client)
        // Bytes, not characters, are what counts.
        const tooLarge = ['x'.repeat(limit - 1), 'é'.repeat(limit / 2), '漢'.repeat(limit / 3)]
        const outcomes = await Promise.all(
          tooLarge.map((data) => harness.outcome(client.publish(harness.channel, data))),
        )
        const notJson = await harness.outcome(client.publish(harness.channel, undefined))
        await client.publish(harness.channel, 'small')
        await harness.until(() => messages.length === 1, 'the small one')
        return { outcomes, notJson, data: messages.map(({ data }) => data), errors: harness.errors }
      }, 64 * KIB)
      expect(seen).toEqual({
        outcomes: ['too-large', 'too-large', 'too-large'],
        notJson: 'invalid-argument',
        data: ['small'],
        errors: [],
      })
    })

    test('§1.1 channel names of any script, spaces and signs are channels of their own', async ({ page }) => {
      const seen = await page.evaluate(async () => {
        const { harness } = window
        const client = harness.createClient()
        // Composed and decomposed are two names; what a URL or JSON would escape is a name like any other.
        const names = ['é', 'e\u0301', '漢字 👩‍👧', '%2F/?&#+~', '"\\{}', '__proto__'].map(
          (end) => `${harness.channel}${end}`,
        )
        const recordings = names.map((name) => harness.record(client, name))
        await Promise.all(names.map((name, index) => client.publish(name, index)))
        await Promise.all(names.map((name, index) => harness.append([index], name)))
        await harness.until(() => recordings.every(({ messages }) => messages.length >= 2), 'two of each')
        return recordings.map(({ messages }, index) =>
          messages.every(({ data, channel }) => data === index && channel === names[index]),
        )
      })
      expect(seen).toEqual([true, true, true, true, true, true])
    })
  })
}
