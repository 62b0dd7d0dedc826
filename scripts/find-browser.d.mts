export interface FoundBrowser {
  readonly executablePath: string
  /** Playwright's own build, not a stock browser. */
  readonly bundled: boolean
}
export function findBrowser(name: 'chromium' | 'firefox'): FoundBrowser
/** The Chromium for what needs no window. */
export function findHeadlessChromium(): FoundBrowser
export function installCommand(name: 'chromium' | 'firefox'): string
