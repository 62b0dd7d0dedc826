/** The frames of a batch, each as the text that it came as: what is not changed keeps every byte. */
export interface BatchText {
  readonly frames: readonly string[]
  /** False for a frame that stood alone, outside of any array. */
  readonly isArray: boolean
}

/** Splits the text of a batch. Undefined when it is not JSON. */
export function splitBatch(text: string): BatchText | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  const trimmed = text.trim()
  if (!trimmed.startsWith('[')) return { frames: [trimmed], isArray: false }
  return { frames: elementsOf(trimmed), isArray: true }
}

export function joinBatch(frames: readonly string[], isArray: boolean): string {
  const [only] = frames
  return !isArray && only !== undefined && frames.length === 1 ? only : `[${frames.join(',')}]`
}

/** Known to be JSON, so commas outside of strings and brackets are all there is to look for. */
function elementsOf(array: string): string[] {
  const elements: string[] = []
  let depth = 0
  let start = 1
  for (let at = 0; at < array.length; at++) {
    const character = array[at]
    if (character === '"') at = endOfString(array, at)
    else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') depth--
    if ((character === ',' && depth === 1) || depth === 0) {
      const element = array.slice(start, at).trim()
      if (element !== '') elements.push(element)
      start = at + 1
    }
  }
  return elements
}

function endOfString(text: string, quote: number): number {
  let at = quote + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
