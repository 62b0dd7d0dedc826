import { By } from 'selenium-webdriver'
import type { Session } from './session.ts'

/** One page of the browser, in a window or tab of its own. */
export class Tab {
  readonly #session: Session
  readonly #handle: string

  constructor(session: Session, handle: string) {
    this.#session = session
    this.#handle = handle
  }

  goto(url: string): Promise<void> {
    return this.#session.use(this.#handle, (driver) => driver.get(url))
  }

  back(): Promise<void> {
    return this.#session.use(this.#handle, (driver) => driver.navigate().back())
  }

  /** Runs a function in the page with this argument, both as text, and resolves with what it returns, as JSON. */
  evaluate<Result>(run: () => Result | Promise<Result>): Promise<Result>
  evaluate<Result, Argument>(run: (argument: Argument) => Result | Promise<Result>, argument: Argument): Promise<Result>
  async evaluate<Result>(run: (argument: never) => Result | Promise<Result>, argument?: unknown): Promise<Result> {
    // What an error of a page says would be lost on the way through the driver.
    const script = `return (async () => (${run.toString()})(arguments[0]))().then(
      (value) => ({ value }),
      (error) => ({ error: String(error) }),
    )`
    const outcome = await this.#session.use(this.#handle, (driver) =>
      driver.executeScript<{ value: Result } | { error: string }>(script, argument),
    )
    if ('error' in outcome) throw new Error(`in the page: ${outcome.error}`)
    return outcome.value
  }

  /** Types into a field in place of what is there, as a person does. */
  fill(selector: string, text: string): Promise<void> {
    return this.#session.use(this.#handle, async (driver) => {
      const field = await driver.findElement(By.css(selector))
      await field.clear()
      await field.sendKeys(text)
    })
  }

  click(selector: string): Promise<void> {
    return this.#session.use(this.#handle, async (driver) => (await driver.findElement(By.css(selector))).click())
  }

  close(): Promise<void> {
    return this.#session.use(this.#handle, (driver) => driver.close())
  }
}
