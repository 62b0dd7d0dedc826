/** Channel name → payload, for the hub and the pages of the demo server. */
export interface DemoChannels {
  [chat: `chat:${string}`]: ChatMessage
  [quotes: `quotes:${string}`]: Quote
  [lab: `lab:${string}`]: LabBeat | LabNote
}

export interface ChatMessage {
  readonly user: string
  readonly text: string
}

export interface Quote {
  readonly bid: number
  readonly ask: number
}

/** What the lab's feeder publishes: `n` counts up by one in each `series`, so a page can check what it gets. */
export interface LabBeat {
  readonly series: string
  readonly n: number
}

/** What a lab page publishes itself. */
export interface LabNote {
  readonly note: string
}

const readable = /^(chat|quotes|lab):./
const writable = /^(chat|lab):./

/** Everybody may read the three families of channels, and write to two of them. */
export function mayUse(action: 'subscribe' | 'publish', channel: string): boolean {
  return (action === 'subscribe' ? readable : writable).test(channel)
}
