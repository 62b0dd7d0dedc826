import type { WebDriver } from 'selenium-webdriver'

/** A session of the driver, which talks with one window at a time: what is asked of another one waits. */
export class Session {
  readonly #driver: WebDriver
  /** The window that the browser began with. It stays, for there must be one from which another is opened. */
  readonly #home: string
  #last: Promise<unknown> = Promise.resolve()

  private constructor(driver: WebDriver, home: string) {
    this.#driver = driver
    this.#home = home
  }

  static async of(driver: WebDriver): Promise<Session> {
    return new Session(driver, await driver.getWindowHandle())
  }

  /** Opens a window, or a tab of the first one, and resolves with its handle. */
  open(kind: 'window' | 'tab'): Promise<string> {
    return this.use(this.#home, async (driver) => {
      await driver.switchTo().newWindow(kind)
      return driver.getWindowHandle()
    })
  }

  /** Does something with one window, when its turn has come. */
  use<Result>(handle: string, run: (driver: WebDriver) => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(async () => {
      await this.#driver.switchTo().window(handle)
      return run(this.#driver)
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }

  quit(): Promise<void> {
    return this.#driver.quit()
  }
}
