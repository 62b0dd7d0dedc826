/** Takes out of a map what has been in it for the longest time. */
export const dropOldest = <Key>(map: Map<Key, unknown>): void => {
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
