import { z } from 'zod';
import type { ArtifactStore } from '../artifacts/index.ts';
import { checkOptions } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import {
  deleteArtifacts,
  deleteOrphanedContent,
  doomArtifacts,
  fencedVersions,
  lockDoomed,
} from '../queries/repositories.ts';
import type { Executor } from '../query/index.ts';
import type { TransactionBody, TransactOptions } from '../transact/index.ts';
import { plannedEachTime } from './planned.ts';
import { REPOSITORY_KIND } from './repository-work.ts';
import { discardVersion, NO_ID } from './version.ts';

const HOUR_MS = 3_600_000;

/** What the garbage collector may use: a `Database`, or what the janitor gives. */
export interface CollectorHost {
  readonly guarded: Executor;
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
}

export interface CollectOptions {
  /** Where bytes are. Undefined: only the database is looked at. */
  readonly store?: ArtifactStore | undefined;
  /** What was used within so many milliseconds stays. At least a minute, default an hour. */
  readonly graceMs?: number | undefined;
  /** Rows of a page. */
  readonly page?: number | undefined;
}

/** What was deleted. */
export interface Collected {
  /** Open versions whose workers had died. */
  readonly versions: number;
  readonly contents: number;
  readonly artifacts: number;
  /** Files of interrupted downloads. */
  readonly downloads: number;
}

const optionsSchema = z.strictObject({
  store: z.custom<ArtifactStore>().optional(),
  graceMs: z.number().min(60_000, 'is less than a minute').optional(),
  page: z.int().min(1).optional(),
});

/**
 * Deletes what nobody needs any more: open versions of dead sessions, content that no version holds, artifacts that no content
 * has, and what interrupted downloads left. Nothing that was used within `graceMs`, nor since the oldest sync began that is
 * under way. Any number of these may run beside each other and beside syncs.
 */
export async function collectGarbage(
  on: Database | CollectorHost,
  options?: CollectOptions,
): Promise<Collected> {
  const { store, graceMs = HOUR_MS, page = 500 } = checkOptions(optionsSchema, options);
  const host: CollectorHost =
    'guarded' in on ? on : { guarded: on, transact: (body, how) => on.transact(body, how) };
  const versions = await discardFenced(host);
  const grace = { graceMs: BigInt(Math.round(graceMs)), page: BigInt(page) };
  let contents = 0;
  for (let after: string | null = NO_ID; after !== null; ) {
    const from: string = after;
    const found = await host.transact(
      (tx) => deleteOrphanedContent(plannedEachTime(tx), { ...grace, after: from }),
      WRITES,
    );
    contents += Number(found.contents);
    after = found.upto;
  }
  if (!store) return { versions, contents, artifacts: 0, downloads: 0 };
  for (let after: string | null = ''; after !== null; ) {
    const from: string = after;
    after = (
      await host.transact((tx) => doomArtifacts(plannedEachTime(tx), { ...grace, after: from }), WRITES)
    ).upto;
  }
  const artifacts = await deleteDoomed(host, store, page);
  return { versions, contents, artifacts, downloads: await store.sweepDownloads(graceMs) };
}

const WRITES: TransactOptions = { name: 'collect garbage', isolation: 'read committed', idempotent: true };

/** @internal Takes back what dead sessions have left open. Gives how many versions it was. */
export async function discardFenced(host: CollectorHost): Promise<number> {
  let count = 0;
  for (const version of await fencedVersions(host.guarded, { kind: REPOSITORY_KIND })) {
    const end = { state: 'failed', cause: 'its worker died' } as const;
    if (await discardVersion((body, options) => host.transact(body, options), version, end)) count++;
  }
  return count;
}

/** Bytes go while the rows are locked, so that who wants to store the same ones waits, and then does. */
async function deleteDoomed(host: CollectorHost, store: ArtifactStore, page: number): Promise<number> {
  let count = 0;
  for (;;) {
    const deleted = await host.transact(async (tx) => {
      const rows = await lockDoomed(tx, { page: BigInt(page) });
      for (const { sha256 } of rows) await store.delete(sha256);
      return deleteArtifacts(tx, { sha256s: rows.map(({ sha256 }) => sha256) });
    }, WRITES);
    count += deleted;
    if (deleted === 0) return count;
  }
}
