import type { Readable } from 'node:stream';

/** An artifact that a store has. */
export interface StoredArtifact {
  readonly sha256: string;
  readonly sha512: string;
  /** Bytes. */
  readonly size: number;
}

/** A finished file of this machine. */
export interface LocalFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** Bytes from `start` up to and without `end`; an `end` behind the last byte means the last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ListedArtifact {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
}

/**
 * Where bytes are kept by their SHA-256. A `sha256` is 64 hexadecimal digits in lower case: with anything else each
 * method throws MisuseError. What the store itself cannot do is an ArtifactStoreError. Any number of processes may use
 * one store at once.
 */
export interface ArtifactStore {
  /** What people see: a path or a URL, without credentials. */
  readonly name: string;
  /** A folder of this machine for downloads under way; it exists. */
  readonly downloads: string;
  /**
   * Takes a finished, verified file over: afterwards it belongs to the store and is gone from its path. The artifact
   * is there as a whole or not at all, and it outlives a crash of the machine once this has resolved. Putting what is
   * there already replaces it by the same bytes, which mends a damaged one.
   */
  put(sha256: string, source: LocalFile, signal?: AbortSignal): Promise<void>;
  has(sha256: string): Promise<boolean>;
  /** Bytes, or undefined when it is not there. */
  size(sha256: string): Promise<number | undefined>;
  /**
   * The bytes, or a range of them; a range that begins behind the last byte is empty. Destroy the stream when it is not
   * read to its end. Throws ArtifactMissingError.
   */
  read(sha256: string, range?: ByteRange, signal?: AbortSignal): Promise<Readable>;
  /** Deletes it; one that is not there is fine. */
  delete(sha256: string): Promise<void>;
  /** Every artifact, in the order of their digests; one that comes or goes meanwhile may be among them or not. */
  list(): AsyncIterable<ListedArtifact>;
  /**
   * Deletes what interrupted downloads left behind: files that were not written to for `graceMs` milliseconds. Gives
   * how many. Take more than any download pauses between two attempts, such as an hour.
   */
  sweepDownloads(graceMs: number): Promise<number>;
  /** Gives connections back. */
  close(): Promise<void>;
}
