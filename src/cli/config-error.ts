/** Settings that cannot be used. Each problem names its source and what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** The server could not start, for a reason outside its settings: one line for people. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
