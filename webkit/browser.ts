import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Builder, Capabilities } from 'selenium-webdriver'
import { freePorts } from '../middleboxes/free-ports.ts'
import { findWebKit } from '../scripts/find-webkit.mjs'
import { startBound } from './bound-process.ts'
import { Session } from './session.ts'
import { Tab } from './tab.ts'

/** How often another port is tried: another process may take one before the driver does. */
const ATTEMPTS = 3
const SERVES_WITHIN_MS = 15_000
/** Longer than a script waits for anything: what it says of it is better than "timed out". */
const SCRIPT_MS = 45_000

/** One WebKitGTK with its driver. */
export interface Browser {
  /** Opens a window, whose page is visible; or a tab of the first window, behind another one: its page is hidden. */
  open(kind: 'window' | 'tab'): Promise<Tab>
  /** Ends browser and driver, and all that they started. */
  close(): Promise<void>
}

/** Starts a WebKitGTK. @throws with what the driver said, when it does not serve */
export const startBrowser = async (): Promise<Browser> => {
  const { url, stop } = await startDriver()
  try {
    const session = await openSession(url)
    return {
      open: async (kind) => new Tab(session, await session.open(kind)),
      close: async () => {
        // A browser that does not end by itself is ended all the same.
        await session.quit().catch(() => undefined)
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const startDriver = async (): Promise<{ url: string; stop: () => Promise<void> }> => {
  for (let attempt = 1; ; attempt++) {
    const { driver: port } = await freePorts(['driver'])
    const { child, stop } = startBound(findWebKit().driver, [`--port=${port}`], ['pipe', 'pipe'], environment())
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
    }
    const url = `http://127.0.0.1:${port}`
    if (await serves(url)) return { url, stop }
    await stop()
    if (attempt === ATTEMPTS) throw new Error(`WebKitWebDriver does not serve:\n${said}`)
  }
}

/** No proxy, no session bus, no settings, and no display but the one of X. */
const environment = (): NodeJS.ProcessEnv => ({
  DISPLAY: process.env['DISPLAY'],
  // Where a display is somebody's, it wants to be told whose.
  XAUTHORITY: process.env['XAUTHORITY'] ?? join(homedir(), '.Xauthority'),
  LANG: 'C.UTF-8',
  DBUS_SESSION_BUS_ADDRESS: 'disabled:',
  GSETTINGS_BACKEND: 'memory',
  NO_AT_BRIDGE: '1',
  GDK_BACKEND: 'x11',
})

const serves = async (url: string): Promise<boolean> => {
  const givenUpAt = performance.now() + SERVES_WITHIN_MS
  while (performance.now() < givenUpAt) {
    const status = await fetch(`${url}/status`).then(
      (response) => response.json() as Promise<{ value?: { ready?: boolean } }>,
      () => undefined,
    )
    if (status?.value?.ready) return true
    await wait(20)
  }
  return false
}

const openSession = async (url: string): Promise<Session> => {
  const capabilities = new Capabilities({
    browserName: 'MiniBrowser',
    'webkitgtk:browserOptions': { binary: findWebKit().browser, args: ['--automation'] },
  })
  const builder = new Builder().disableEnvironmentOverrides().usingServer(url).withCapabilities(capabilities)
  const driver = await builder.build()
  await driver.manage().setTimeouts({ script: SCRIPT_MS, pageLoad: SCRIPT_MS })
  return Session.of(driver)
}
