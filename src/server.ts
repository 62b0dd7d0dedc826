export { createHub } from './server/hub.ts'
export type {
  ChannelOf,
  DataOf,
  Hub,
  HubHealth,
  HubOptions,
  HubPublishOptions,
  RevokeOptions,
  Untyped,
} from './server/hub-types.ts'
export type { AttachableServer } from './server/attach.ts'
export type { Action, Authorize, AuthorizeQuestion, User } from './server/authorize.ts'
export type { Authenticate, HookRequest, HubFailure } from './server/hub-core.ts'
export type { ChannelKind, KindName } from './server/channel-kinds.ts'
export type { Handler, HubRequest } from './server/handlers.ts'
export { channelRules } from './server/channel-rules.ts'
export type { AnyUser, ChannelPermit, ChannelRule } from './server/channel-rules.ts'
export type {
  Durations,
  HookFailures,
  HubMetrics,
  LinkEnd,
  LinkTransport,
  PublishOutcome,
  StoreOperation,
} from './server/counters.ts'
export type { HubInspection } from './server/inspect.ts'
export type { HubMember } from './server/members.ts'
export type { HubLogger, LogLevel } from './server/logger.ts'
export { DEFAULT_LIMITS } from './server/limits.ts'
export type { HubLimits } from './server/limits.ts'
export { memoryStore } from './server/memory-store.ts'
export type { MemoryStore, MemoryStoreOptions } from './server/memory-store.ts'
export type {
  Appended,
  AppendRequest,
  Holder,
  Keep,
  Leased,
  LeaseRequest,
  Notice,
  Page,
  PageBefore,
  PageLimit,
  PublishKey,
  ReadFrom,
  Store,
  StoredMessage,
} from './server/store.ts'
export type { Place } from './protocol/position.ts'
export type { GapReason } from './protocol/frames.ts'
export { HoldfastError, isHoldfastError } from './base/errors.ts'
export type { ErrorCode, ErrorFacts, WireErrorCode } from './base/errors.ts'
