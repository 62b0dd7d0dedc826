import { ClusterConnection } from './cluster/cluster-connection.ts'
import { RedisConnection } from './connection.ts'
import type { LinkOptions, RedisLink } from './link.ts'

/** The way to one Redis, or to a cluster. */
export const openLink = (
  { url, cluster }: { readonly url: string; readonly cluster: readonly string[] | undefined },
  options: LinkOptions,
): RedisLink =>
  cluster ? new ClusterConnection({ ...options, urls: cluster }) : new RedisConnection({ ...options, url })
