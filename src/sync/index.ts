/** Declarative sync: what repositories should contain, and complete versions of them. */
export {
  AllUrlsFailedError,
  ArtifactMissingError,
  type ArtifactStore,
  ArtifactStoreError,
  type ByteRange,
  type DigestAlgorithm,
  DigestMismatchError,
  type Digests,
  DownloadError,
  type DownloadedFile,
  Downloader,
  type DownloaderOptions,
  type DownloadFailure,
  type DownloadPlace,
  type DownloadRequest,
  directoryStore,
  type Fetched,
  type ListedArtifact,
  type LocalFile,
  openStore,
  parseIntegrity,
  type RemoteError,
  SizeMismatchError,
  type StoredArtifact,
  type StoreFailure,
  type TextRequest,
} from '../artifacts/index.ts';
export {
  type Answer,
  type BatchAnswer,
  type BatchOptions,
  batched,
  type ConcurrentOptions,
  concurrently,
  each,
  Future,
  FutureError,
  type FutureReason,
  GatherLimitError,
  gather,
  Pipeline,
  type PipelineProfile,
  type RunOptions,
  type Source,
  type Stage,
  type StageContext,
  type StageOptions,
  type StageProfile,
  settle,
  stage,
} from '../pipeline/index.ts';
export {
  type ContentType,
  type ContentTypeDefinition,
  defineContentType,
  type NaturalKey,
} from './content-type.ts';
export {
  type ArtifactDeclaration,
  type ContentDeclaration,
  type DeclaredArtifact,
  type DeclaredContent,
  declare,
  pathFault,
  type StoredContent,
} from './declared.ts';
export {
  ContentConflictError,
  InvalidContentError,
  OnDemandError,
  RepositoryBusyError,
  RepositoryNotFoundError,
  TooManySkippedError,
  VersionKeptError,
} from './errors.ts';
export { type RepositoriesFaceOptions, repositoriesFace } from './face.ts';
export { OnDemand } from './fetch.ts';
export { type Collected, type CollectOptions, type CollectorHost, collectGarbage } from './garbage.ts';
export { perItem } from './per-item.ts';
export {
  type PluginContext,
  type PluginSettings,
  pluginSettings,
  type Served,
  type ServedDocument,
  type ServedFile,
  type ServeRequest,
  type SyncPlugin,
  upstreamUrl,
  type VersionView,
} from './plugin.ts';
export type { StepProgress } from './progress.ts';
export {
  type ContentFile,
  contentsNamed,
  contentsOf,
  createRepository,
  diff,
  filesOf,
  getRepository,
  getVersion,
  listRepositories,
  listVersions,
  protectVersion,
  type Repository,
  type RepositoryOptions,
  type RepositoryVersion,
  unprotectVersion,
  updateRepository,
  type VersionContent,
  type VersionDifference,
} from './repository.ts';
export { type Changer, REPOSITORY_KIND, repositorySource } from './repository-work.ts';
export { deleteRepository, deleteVersion } from './retention.ts';
export { type Policy, SkippedError, type SkippedItem } from './run.ts';
export { STAGES } from './stages.ts';
export {
  type ChangeOptions,
  type Changes,
  type ContentKey,
  type FirstStage,
  modify,
  type SyncOptions,
  type SyncResult,
  sync,
} from './sync.ts';
export {
  definePlugin,
  pluginOf,
  type SyncRepositoryOptions,
  syncRepository,
} from './sync-repository.ts';
export { type DamagedArtifact, type VerifyOptions, verifyArtifacts } from './verify.ts';
export type { VersionCounts } from './version.ts';
