/** Chunks that a rule keeps, in order, until it lets go of all of them. */
export class HoldBack {
  bytes = 0
  #releases: (() => void)[] = []

  add(bytes: number, release: () => void): void {
    this.bytes += bytes
    this.#releases.push(release)
  }

  release(): void {
    const releases = this.#releases
    this.clear()
    for (const release of releases) release()
  }

  clear(): void {
    this.bytes = 0
    this.#releases = []
  }
}
