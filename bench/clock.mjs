// @ts-check

/** Microseconds of the system's monotonic clock, which all processes of one machine share. */
export const nowUs = () => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + Math.round(nanoseconds / 1000)
}
