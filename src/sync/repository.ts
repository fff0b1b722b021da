import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { checkOptions, checkText, invalidOption, jsonOf, nameSchema } from '../base/index.ts';
import { reading } from '../client/index.ts';
import {
  artifactsOf,
  contentsByName,
  contentsOfVersion,
  createRepository as createRow,
  diffVersions,
  listRepositories as listRows,
  listVersions as listVersionRows,
  protectVersion as protectRow,
  repositoryByName,
  updateRepository as updateRow,
} from '../queries/repositories.ts';
import type { Executor } from '../query/index.ts';
import { RepositoryNotFoundError } from './errors.ts';
import { NO_ID } from './version.ts';

/** A repository as the database has it. */
export interface Repository {
  readonly repositoryId: string;
  readonly name: string;
  /** Which plugin syncs it; undefined: a program does so by itself. */
  readonly plugin: string | undefined;
  /** Of the plugin. */
  readonly settings: unknown;
  /** So many complete versions are kept; undefined: all. */
  readonly retain: number | undefined;
  /** Its newest complete version; 0: none. */
  readonly version: number;
  readonly createdAt: Date;
}

export interface RepositoryOptions {
  readonly plugin?: string | undefined;
  /** A JSON value. */
  readonly settings?: unknown;
  /** So many complete versions are kept, from 1. Default: all. */
  readonly retain?: number | undefined;
}

/** A complete version. */
export interface RepositoryVersion {
  readonly number: number;
  /** Against the version before. */
  readonly added: number;
  readonly removed: number;
  /** What it holds. */
  readonly present: number;
  readonly createdAt: Date;
  readonly completedAt: Date;
  /** Why it is kept. */
  readonly protected: string | undefined;
}

/** A file of a content. */
export interface ContentFile {
  readonly path: string;
  /** Of its bytes; undefined: on demand, and nobody has asked for it yet. */
  readonly sha256: string | undefined;
  readonly size: number | undefined;
}

/** Content of a version. */
export interface VersionContent {
  readonly contentId: string;
  readonly type: string;
  readonly name: string;
  /** Natural key. */
  readonly key: readonly unknown[];
  readonly metadata: unknown;
}

/** Under one natural key: what an older and a newer version hold. */
export interface VersionDifference {
  readonly change: 'added' | 'removed' | 'replaced';
  readonly type: string;
  readonly key: readonly unknown[];
}

const PAGE = 1_000n;

const optionsSchema = z.strictObject({
  plugin: nameSchema.optional(),
  settings: z.unknown().optional(),
  retain: z.int().min(1).optional(),
});

const checked = (options: RepositoryOptions | undefined) => {
  const { plugin, settings = {}, retain } = checkOptions(optionsSchema, options);
  return {
    plugin: plugin ?? null,
    settings: jsonOf('settings', settings),
    retain: retain === undefined ? null : BigInt(retain),
  };
};

const checkName = (name: string) =>
  checkOptions(z.strictObject({ repository: nameSchema }), { repository: name }).repository;

/** Makes a repository, without a version. Throws MisuseError for a name that is taken. */
export async function createRepository(
  on: Executor,
  name: string,
  options?: RepositoryOptions,
): Promise<Repository> {
  const row = { repositoryId: uuidv7(), name: checkName(name), ...checked(options) };
  if ((await createRow(on, row)) === 0)
    throw invalidOption('repository', `there is one named ${name} already`);
  return getRepository(on, name);
}

/** Gives it other settings, and another limit of versions. Throws RepositoryNotFoundError. */
export async function updateRepository(
  on: Executor,
  name: string,
  options: RepositoryOptions,
): Promise<Repository> {
  if ((await updateRow(on, { name, ...checked(options) })) === 0) throw new RepositoryNotFoundError(name);
  return getRepository(on, name);
}

/** Throws RepositoryNotFoundError. */
export async function getRepository(on: Executor, name: string): Promise<Repository> {
  const row = await repositoryByName(on, { name: checkText('repository', name) });
  if (!row) throw new RepositoryNotFoundError(name);
  const { plugin, retain, version, ...rest } = row;
  return {
    ...rest,
    plugin: plugin ?? undefined,
    retain: retain === null ? undefined : Number(retain),
    version: Number(version),
  };
}

/** Every repository in the order of names, with how much its newest version holds; page by page. */
export async function* listRepositories(
  on: Executor,
): AsyncGenerator<Repository & { readonly present: number; readonly completedAt: Date | undefined }> {
  let after = '';
  for (;;) {
    const rows = await listRows(reading(on), { after, page: PAGE });
    for (const { plugin, retain, version, present, completedAt, ...rest } of rows)
      yield {
        ...rest,
        plugin: plugin ?? undefined,
        retain: retain === null ? undefined : Number(retain),
        version: Number(version),
        present: Number(present ?? 0n),
        completedAt: completedAt ?? undefined,
      };
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.name;
  }
}

/** The complete versions of a repository, the newest first. Throws RepositoryNotFoundError. */
export async function listVersions(on: Executor, name: string): Promise<RepositoryVersion[]> {
  const { repositoryId } = await getRepository(on, name);
  const rows = await listVersionRows(reading(on), { repositoryId });
  return rows.map(({ number, added, removed, present, completedAt, protected: kept, ...rest }) => ({
    ...rest,
    number: Number(number),
    added: Number(added),
    removed: Number(removed),
    present: Number(present),
    completedAt: completedAt!,
    protected: kept ?? undefined,
  }));
}

/** A version of a repository; the newest when no number is given. Throws RepositoryNotFoundError. */
export async function getVersion(
  on: Executor,
  name: string,
  number?: number,
): Promise<RepositoryVersion & { readonly repositoryId: string }> {
  const { repositoryId, version } = await getRepository(on, name);
  const wanted = number ?? version;
  const found = (await listVersions(on, name)).find((one) => one.number === wanted);
  if (!found)
    throw new RepositoryNotFoundError(
      name,
      wanted === 0 ? `${name} has no complete version yet` : `${name} has no complete version ${wanted}`,
    );
  return { ...found, repositoryId };
}

/** Neither a call nor the limit of versions deletes it while a reason is written down. Throws RepositoryNotFoundError. */
export async function protectVersion(
  on: Executor,
  name: string,
  number: number,
  reason: string,
): Promise<void> {
  await setProtection(on, name, number, checkText('reason', reason));
}

/** It may be deleted again. Throws RepositoryNotFoundError. */
export async function unprotectVersion(on: Executor, name: string, number: number): Promise<void> {
  await setProtection(on, name, number, null);
}

async function setProtection(
  on: Executor,
  name: string,
  number: number,
  reason: string | null,
): Promise<void> {
  const { repositoryId } = await getRepository(on, name);
  if ((await protectRow(on, { repositoryId, number: BigInt(number), reason })) === 0)
    throw new RepositoryNotFoundError(name, `${name} has no complete version ${number}`);
}

/** What a complete version holds, in no order that means anything; page by page. Throws RepositoryNotFoundError. */
export async function* contentsOf(
  on: Executor,
  name: string,
  number?: number,
): AsyncGenerator<VersionContent> {
  const { repositoryId, number: found } = await getVersion(on, name, number);
  let after = NO_ID;
  for (;;) {
    const rows = await contentsOfVersion(reading(on), {
      repositoryId,
      number: BigInt(found),
      after,
      page: PAGE,
    });
    for (const { keyId: _, key, ...rest } of rows) yield { ...rest, key: JSON.parse(key) as unknown[] };
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.keyId;
  }
}

/** What a complete version holds of a type under the name that clients ask for. Throws RepositoryNotFoundError. */
export async function contentsNamed(
  on: Executor,
  { repositoryId, number }: { readonly repositoryId: string; readonly number: number },
  type: string,
  name: string,
): Promise<VersionContent[]> {
  const rows = await contentsByName(reading(on), { repositoryId, number: BigInt(number), type, name });
  return rows.map(({ keyId: _, key, ...rest }) => ({ ...rest, key: JSON.parse(key) as unknown[] }));
}

/** The files of contents, by content. */
export async function filesOf(
  on: Executor,
  contentIds: readonly string[],
): Promise<ReadonlyMap<string, ContentFile[]>> {
  const files = new Map<string, ContentFile[]>(contentIds.map((contentId) => [contentId, []]));
  for (const { contentId, path, sha256, size, state } of await artifactsOf(reading(on), {
    contentIds: [...contentIds],
  })) {
    const isStored = sha256 !== null && state === 'stored';
    files.get(contentId)!.push({
      path,
      sha256: isStored ? sha256 : undefined,
      size: size === null ? undefined : Number(size),
    });
  }
  return files;
}

/** Where two versions differ; `older` 0 is nothing at all. Page by page. Throws RepositoryNotFoundError. */
export async function* diff(
  on: Executor,
  name: string,
  older: number,
  newer: number,
): AsyncGenerator<VersionDifference> {
  const { repositoryId } = await getVersion(on, name, newer);
  if (older !== 0) await getVersion(on, name, older);
  let after = NO_ID;
  for (;;) {
    const rows = await diffVersions(reading(on), {
      repositoryId,
      old: BigInt(older),
      new: BigInt(newer),
      after,
      page: PAGE,
    });
    for (const { oldType, oldKey, newType, newKey } of rows)
      yield {
        change: oldKey === null ? 'added' : newKey === null ? 'removed' : 'replaced',
        type: (newType ?? oldType)!,
        key: JSON.parse((newKey ?? oldKey)!) as unknown[],
      };
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.keyId;
  }
}
