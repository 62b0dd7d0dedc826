export interface FoundBrowser {
  readonly executablePath: string
  /** Playwright's own build, not a stock browser. */
  readonly bundled: boolean
}
export function findBrowser(name: 'chromium' | 'firefox'): FoundBrowser
export function installCommand(name: 'chromium' | 'firefox'): string
