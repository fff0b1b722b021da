import { HoldfastError } from '../base/index.ts';

/** There is no such repository, or no such version of it. Nothing was changed. */
export class RepositoryNotFoundError extends HoldfastError {
  readonly code = 'HOLDFAST_REPOSITORY_NOT_FOUND';
  readonly repository: string;

  constructor(repository: string, what = `there is no repository ${repository}`) {
    super(what);
    this.repository = repository;
  }
}

/** Somebody else changes the repository now. Nothing was changed. */
export class RepositoryBusyError extends HoldfastError {
  readonly code = 'HOLDFAST_REPOSITORY_BUSY';
  readonly repository: string;
  /** The session that does; undefined: it backs off, its kind is paused, or another one has just had it. */
  readonly sessionId: string | undefined;

  constructor(
    repository: string,
    by: { readonly holder: string; readonly component: string; readonly instance: string } | undefined,
  ) {
    super(
      by
        ? `${repository} is being changed by session ${by.holder} of ${by.component}, ${by.instance}`
        : `${repository} cannot be changed now: it backs off, its kind is paused, or another one has just had it`,
    );
    this.repository = repository;
    this.sessionId = by?.holder;
  }
}

/**
 * What cannot be, about one natural key:
 * - `changed`: it was declared with other metadata or digests than the content that exists, and its type keeps content as it is
 * - `twice`: it was declared twice, with different metadata or digests
 */
export class ContentConflictError extends HoldfastError {
  readonly code = 'HOLDFAST_CONTENT_CONFLICT';
  readonly reason: 'changed' | 'twice';
  readonly type: string;
  /** Natural key, as JSON. */
  readonly key: string;

  constructor(reason: 'changed' | 'twice', type: string, key: string, difference: string) {
    super(
      reason === 'twice'
        ? `${type} ${key} is declared twice, and differently: ${difference}`
        : `${type} ${key} is declared otherwise than it exists: ${difference}; a content type with onChange "replace" takes it`,
    );
    this.reason = reason;
    this.type = type;
    this.key = key;
  }
}

/** Content that was declared cannot be used: its metadata does not fit, or a path leaves the repository. */
export class InvalidContentError extends HoldfastError {
  readonly code = 'HOLDFAST_INVALID_CONTENT';
  readonly type: string;

  constructor(type: string, message: string, options?: { cause?: unknown }) {
    super(`${type}: ${message}`, options);
    this.type = type;
  }
}

/** A stage wants to read a file whose bytes are on demand, and the sync does not fetch them for that. */
export class OnDemandError extends HoldfastError {
  readonly code = 'HOLDFAST_ON_DEMAND';
  readonly path: string;

  constructor(item: string, path: string) {
    super(`${item}: the file ${path} is on demand, and openOnDemand is "refuse"`);
    this.path = path;
  }
}

/** More items failed than the sync may skip. */
export class TooManySkippedError extends HoldfastError {
  readonly code = 'HOLDFAST_TOO_MANY_SKIPPED';

  constructor(limit: number, cause: unknown) {
    super(`more than ${limit} items failed`, { cause });
  }
}

/** The version cannot be deleted. Nothing was changed. */
export class VersionKeptError extends HoldfastError {
  readonly code = 'HOLDFAST_VERSION_KEPT';
}
