import {
  addHeld,
  addNew,
  completeVersion,
  countChanges,
  deleteAdded,
  deleteVersion,
  endOfPage,
  endOlderRuns,
  endRun,
  lockOpenVersion,
  noteDeclared,
  openVersion,
  openVersionsOf,
  removeAdded,
  removeHeld,
  restoreRemoved,
} from '../queries/repositories.ts';
import type { Executor } from '../query/index.ts';
import type { TransactionBody, TransactOptions } from '../transact/index.ts';
import type { Work } from '../work/index.ts';
import { plannedEachTime } from './planned.ts';

/** @internal Smaller than every other. */
export const NO_ID = '00000000-0000-0000-0000-000000000000';

/** Rows of a repository that one transaction looks at. */
const PAGE = 20_000n;

/** What a version has changed, and how much it holds. */
export interface VersionCounts {
  readonly added: number;
  readonly removed: number;
  readonly present: number;
}

/** Content, by the digests that stand for it. */
export interface Member {
  readonly keyId: string;
  readonly contentId: string;
  /** Digest of what was declared; undefined: nobody has. */
  readonly declared?: string | undefined;
}

type Transact = <T>(body: TransactionBody<T>, options?: TransactOptions) => Promise<T>;

/**
 * Takes back what an open version has changed, page by page, and the version with it. A caller that is killed leaves
 * the rest to the next one. Nothing happens when the version is not open any more.
 */
export async function discardVersion(
  transact: Transact,
  { repositoryId, number, token }: { repositoryId: string; number: bigint; token: bigint },
  end: { readonly state: 'failed' | 'canceled'; readonly cause: string },
): Promise<boolean> {
  const options: TransactOptions = { name: 'discard version', isolation: 'read committed', idempotent: true };
  let after: string | null = NO_ID;
  let found = false;
  while (after !== null) {
    const from: string = after;
    after = await transact(async (transaction) => {
      const tx = plannedEachTime(transaction);
      if (!(await lockOpenVersion(tx, { repositoryId, number, token }))) return null;
      found = true;
      const { upto } = await endOfPage(tx, { repositoryId, after: from, page: PAGE });
      if (upto !== null) {
        const range = { repositoryId, after: from, upto, number };
        await Promise.all([deleteAdded(tx, range), restoreRemoved(tx, range)]);
        return upto;
      }
      const run = { repositoryId, token, version: null, ...end };
      await Promise.all([deleteVersion(tx, { repositoryId, number, token }), endRun(tx, run)]);
      return null;
    }, options);
  }
  return found;
}

/**
 * A version that is being made: it belongs to the work on the repository, nobody else sees it, and every write proves the work.
 *
 *     open ──complete──▶ complete (or gone, when nothing has changed)
 *       └────discard───▶ gone
 *
 * Adding what it has removed and removing what it has added cancel each other out. Two calls at a time would wait for each
 * other's rows.
 */
export class OpenVersion {
  readonly work: Work;
  readonly repositoryId: string;
  readonly number: bigint;

  private constructor(work: Work, repositoryId: string, number: bigint) {
    this.work = work;
    this.repositoryId = repositoryId;
    this.number = number;
  }

  /** Discards what an earlier holder has left open, and begins a version. Throws as `work.transact`. */
  static async open(work: Work, repositoryId: string): Promise<OpenVersion> {
    const { token } = work;
    const transact: Transact = (body, options) => work.transact(body, options);
    for (const left of await openVersionsOf(work.session, { repositoryId }))
      await discardVersion(
        transact,
        { repositoryId, ...left },
        { state: 'failed', cause: 'its worker died' },
      );
    const { number } = await work.transact(
      async (tx) => {
        await endOlderRuns(tx, { repositoryId, token });
        return openVersion(tx, { repositoryId, token });
      },
      { name: 'open version' },
    );
    return new OpenVersion(work, repositoryId, number);
  }

  /** The repository held nothing before. */
  get isFirst(): boolean {
    return this.number === 1n;
  }

  /** The repository holds them from this version on. Under one natural key it holds one content. */
  async add(members: readonly Member[]): Promise<{ readonly added: number; readonly removed: number }> {
    if (members.length === 0) return { added: 0, removed: 0 };
    const { repositoryId, number } = this;
    const change = {
      repositoryId,
      number,
      keyIds: members.map(({ keyId }) => keyId),
      contentIds: members.map(({ contentId }) => contentId),
      declared: members.map(({ declared = '' }) => declared),
    };
    return this.transact(async (tx) => {
      const [held, added] = await Promise.all([this.isFirst ? [] : addHeld(tx, change), addNew(tx, change)]);
      const again = held.filter(({ isHeld }) => isHeld).map(({ keyId }) => keyId);
      const dropped = again.length === 0 ? 0 : await removeAdded(tx, { repositoryId, number, keyIds: again });
      return {
        added: added + again.length,
        removed: held.length - again.length + dropped,
      };
    }, 'add content');
  }

  /** Writes down what was declared of contents that the repository holds. */
  async note(members: readonly Member[]): Promise<void> {
    const known = members.filter(({ declared }) => declared !== undefined);
    if (known.length === 0) return;
    await this.transact(
      (tx) =>
        noteDeclared(tx, {
          repositoryId: this.repositoryId,
          keyIds: known.map(({ keyId }) => keyId),
          contentIds: known.map(({ contentId }) => contentId),
          declared: known.map(({ declared }) => declared!),
        }),
      'note content',
    );
  }

  /** The repository does not hold anything under these natural keys from this version on. */
  remove(keyIds: readonly string[]): Promise<{ readonly removed: number }> {
    const change = { repositoryId: this.repositoryId, number: this.number, keyIds: [...keyIds] };
    return this.transact(async (tx) => {
      const [added, held] = await Promise.all([removeAdded(tx, change), removeHeld(tx, change)]);
      return { removed: added + held };
    }, 'remove content');
  }

  /** A transaction that proves the work, and that may be carried out twice: what repeating it writes is written already. */
  transact<T>(body: (tx: Executor) => Promise<T>, name: string): Promise<T> {
    const options = { name, isolation: 'read committed', idempotent: true } as const;
    return this.work.transact((tx) => body(plannedEachTime(tx)), options);
  }

  /**
   * Makes the version visible to everybody, in one transaction; nothing when it has changed nothing. Gives the number of the
   * newest version.
   */
  async complete(
    state: 'completed' | 'partial',
  ): Promise<{ readonly changed: boolean; readonly version: number; readonly counts: VersionCounts }> {
    const { repositoryId, number } = this;
    const { token } = this.work;
    return this.work.transact(
      async (transaction) => {
        const tx = plannedEachTime(transaction);
        const counted = await countChanges(tx, { repositoryId, number });
        const changed = counted.added + counted.removed > 0n;
        const version = changed ? number : number - 1n;
        const change = { repositoryId, number, token };
        const [done] = await Promise.all([
          changed ? completeVersion(tx, { ...change, ...counted }) : undefined,
          changed ? undefined : deleteVersion(tx, change),
          endRun(tx, { repositoryId, token, state, version: changed ? number : null, cause: null }),
        ]);
        if (done && done.versions !== 1n) throw new Error(`version ${number} is not open any more`);
        const counts = {
          added: Number(counted.added),
          removed: Number(counted.removed),
          present: Number(counted.present),
        };
        return { changed, version: Number(version), counts };
      },
      { name: 'complete version', isolation: 'read committed', commitMarker: true },
    );
  }

  /** Takes everything back. */
  async discard(state: 'failed' | 'canceled', cause: string): Promise<void> {
    const { repositoryId, number, work } = this;
    await discardVersion(
      (body, options) => work.transact(body, options),
      { repositoryId, number, token: work.token },
      { state, cause },
    );
  }
}
