import { ArtifactStoreError, type StoreFailure } from './errors.ts';

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null | undefined)?.code;

export const isNotFound = (error: unknown): boolean => codeOf(error) === 'ENOENT';

const REASONS: Readonly<Record<string, readonly [StoreFailure, string]>> = {
  ENOSPC: ['full', 'no space is left on the device: free some and go on'],
  EDQUOT: ['full', 'the quota is used up: free some space and go on'],
  EACCES: ['access', 'this user may not read or write there'],
  EPERM: ['access', 'this user may not read or write there'],
  EROFS: ['access', 'the file system is read-only'],
  ENOTDIR: ['not-found', 'a part of the path is not a folder'],
  EEXIST: ['not-found', 'it is not a folder'],
  ENOENT: ['not-found', 'it does not exist'],
};

/** The error for what the file system refused at `path`. */
export function storeFailure(path: string, cause: unknown): ArtifactStoreError {
  if (cause instanceof ArtifactStoreError) return cause;
  const code = String(codeOf(cause));
  const [reason, why] = REASONS[code] ?? ['refused', `the file system refused it (${code})`];
  return new ArtifactStoreError(reason, `${path}: ${why}`, { cause });
}
