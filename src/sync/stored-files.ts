import { artifactsOf } from '../queries/repositories.ts';
import type { DeclaredArtifact, DeclaredContent } from './declared.ts';
import type { Run } from './run.ts';

type Item = DeclaredContent;

/** Bytes that are in the store. */
export type StoredFile = { readonly sha256: string; readonly sha512: string | undefined };

/** By content and path. */
export async function storedFilesOf(
  run: Run,
  known: readonly Item[],
): Promise<ReadonlyMap<string, StoredFile>> {
  const rows = await artifactsOf(run.reads, {
    contentIds: [...new Set(known.map(({ contentId }) => contentId))],
  });
  return new Map(
    rows.flatMap(({ contentId, path, sha256, sha512, state }) =>
      sha256 !== null && state === 'stored'
        ? [[`${contentId} ${path}`, { sha256, sha512: sha512 ?? undefined }] as const]
        : [],
    ),
  );
}

/** Files whose bytes are to be fetched now. */
export const filesToFetch = (run: Run, item: Item): DeclaredArtifact[] =>
  item.artifacts.filter((file) => file.sha256 === undefined && run.wants(file));
