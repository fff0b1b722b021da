export {
  checkDigests,
  checkSha256,
  DIGEST_ALGORITHMS,
  type DigestAlgorithm,
  Digester,
  type Digests,
  type FoundDigests,
  parseIntegrity,
} from './digests.ts';
export { directoryStore } from './directory-store.ts';
export {
  type DownloadedFile,
  Downloader,
  type DownloadRequest,
  type Fetched,
  type TextRequest,
} from './downloader.ts';
export {
  AllUrlsFailedError,
  ArtifactMissingError,
  ArtifactStoreError,
  DigestMismatchError,
  DownloadError,
  type DownloadFailure,
  type DownloadPlace,
  type RemoteError,
  SizeMismatchError,
  type StoreFailure,
} from './errors.ts';
export { openStore } from './open-store.ts';
export type { DownloaderOptions } from './options.ts';
export { type S3StoreOptions, s3Store } from './s3-store.ts';
export type { ArtifactStore, ByteRange, ListedArtifact, LocalFile, StoredArtifact } from './store.ts';
