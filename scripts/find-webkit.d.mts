export interface FoundWebKit {
  readonly driver: string
  readonly browser: string
  readonly xvfb: string | undefined
}
export function findWebKit(): FoundWebKit
export function displayAnswers(display: string): Promise<boolean>
