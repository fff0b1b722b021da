import {
  deleteRemoteFiles,
  deleteRepositoryContent,
  deleteRepository as deleteRow,
  dropUnseen,
  dropVersion,
  listVersions,
  recountVersion,
} from '../queries/repositories.ts';
import type { Transaction } from '../transact/index.ts';
import type { Work } from '../work/index.ts';
import { RepositoryNotFoundError, VersionKeptError } from './errors.ts';
import type { Repository } from './repository.ts';
import { type Changer, withRepository } from './repository-work.ts';

/** Rows that one transaction deletes. */
const PAGE = 5_000;

/**
 * Deletes a complete version. What it changed counts as changed by the next one; what only it held is left to the garbage
 * collector. Throws VersionKeptError for the newest version and for one that is protected, RepositoryNotFoundError,
 * RepositoryBusyError, and as `work.transact`.
 */
export async function deleteVersion(on: Changer, repository: string, number: number): Promise<void> {
  await withRepository(on, repository, (work, { repositoryId, name }) =>
    work.transact((tx) => squash(tx, { repositoryId, name }, BigInt(number)), { name: 'delete version' }),
  );
}

/** In a transaction. No row of content changes but those that no version shows any more. */
async function squash(
  tx: Transaction,
  { repositoryId, name }: Pick<Repository, 'repositoryId' | 'name'>,
  number: bigint,
): Promise<void> {
  const versions = await listVersions(tx, { repositoryId });
  const place = versions.findIndex((one) => one.number === number);
  const found = versions[place];
  if (!found) throw new RepositoryNotFoundError(name, `${name} has no complete version ${number}`);
  const next = versions[place - 1];
  if (!next)
    throw new VersionKeptError(
      `version ${number} is the newest of ${name}: only an older one can be deleted`,
    );
  if (found.protected !== null)
    throw new VersionKeptError(`version ${number} of ${name} is protected: ${found.protected}`);
  const range = { repositoryId, below: versions[place + 1]?.number ?? 0n, number: next.number };
  await dropVersion(tx, { repositoryId, number });
  await dropUnseen(tx, range);
  await recountVersion(tx, range);
}

/** @internal Deletes the oldest versions beyond the limit, but those that are protected; one transaction each. */
export async function prune(work: Work, repository: Repository): Promise<void> {
  const { repositoryId, retain } = repository;
  if (retain === undefined) return;
  const versions = await listVersions(work.session, { repositoryId });
  for (const { number, protected: reason } of versions.slice(retain).reverse())
    if (reason === null)
      await work.transact((tx) => squash(tx, repository, number), { name: 'delete version' });
}

/**
 * Deletes a repository with all its versions, page by page; content that only it held is left to the garbage collector. Who is
 * interrupted calls it again. Throws RepositoryNotFoundError, RepositoryBusyError, and as `work.transact`.
 */
export async function deleteRepository(on: Changer, repository: string): Promise<void> {
  await withRepository(on, repository, async (work, { repositoryId }) => {
    const page = { repositoryId, page: BigInt(PAGE) };
    const whole = { name: 'delete repository', isolation: 'read committed', idempotent: true } as const;
    while ((await work.transact((tx) => deleteRepositoryContent(tx, page), whole)) === PAGE);
    while ((await work.transact((tx) => deleteRemoteFiles(tx, page), whole)) === PAGE);
    await work.transact((tx) => deleteRow(tx, { repositoryId }), whole);
  });
}
