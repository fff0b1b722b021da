import { getContents, heldContent } from '../queries/repositories.ts';
import { conflict } from './conflict.ts';
import type { DeclaredContent } from './declared.ts';
import type { Run } from './run.ts';
import type { Member } from './version.ts';

type Item = DeclaredContent;

/** The version gets what the repository does not hold: one transaction a batch; none for what it holds. */
export async function associate(run: Run, items: readonly Item[]): Promise<undefined> {
  const again: Item[] = [];
  const held: Item[] = [];
  const members = new Map<string, Item>();
  for (const item of items) {
    const inBatch = members.get(item.keyId);
    if (!run.keys.add(item.keyId)) {
      if (inBatch && inBatch.contentId === item.contentId) continue;
      again.push(item);
      continue;
    }
    run.remoteFiles += item.artifacts.length;
    if (item.adopted !== undefined && item.artifacts.length === 0) run.remoteUnknown = true;
    if (item.isUnchanged) continue;
    if (item.isHeld || item.isInRepository) held.push(item);
    if (!item.isHeld) members.set(item.keyId, item);
  }
  const member = (item: Item): Member => ({
    keyId: item.keyId,
    contentId: item.contentId,
    declared: item.declaredBy(run.remoteId, (file) => run.wants(file)),
  });
  const { added, removed } = await run.version.add([...members.values()].map(member));
  await run.version.note(held.map(member));
  run.progress.step('added', 'Content added').add(added);
  run.progress.step('removed', 'Content removed').add(removed);
  if (again.length > 0) await refuseTwice(run, again);
}

/** The same natural key again: fine when it is the same content. */
async function refuseTwice(run: Run, items: readonly Item[]): Promise<void> {
  const rows = await heldContent(run.reads, {
    repositoryId: run.repositoryId,
    keyIds: items.map(({ keyId }) => keyId),
  });
  const held = new Map(rows.map(({ keyId, contentId }) => [keyId, contentId]));
  for (const item of items) {
    const other = held.get(item.keyId);
    // One that was skipped before stays skipped.
    if (other === undefined || other === item.contentId) continue;
    const [stored] = await getContents(run.reads, { contentIds: [other] });
    throw conflict('twice', item, stored?.metadata);
  }
}
