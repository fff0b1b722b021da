import { z } from 'zod';
import { checkOptions, checkText, isText } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import { type ExplainWorkRow, explainWork } from '../queries/explain.ts';
import type { Executor } from '../query/index.ts';
import { GROUP } from '../work/index.ts';
import type { Face } from './face.ts';
import { factOf, isGroup, judge, judgeKey, offersOf } from './lock.ts';
import type { Offer } from './pages.ts';
import type { FacePart, Fact, Finding, TargetState, Wish } from './part.ts';

const READ_WITHIN_MS = 30_000;

const text = z.string().min(1).refine(isText, 'has a zero byte');

/** Options of `explain`; each has a default. */
export const explainSchema = z.strictObject({
  /** What other parts of the program bring, besides Holdfast's own sessions and work. Default: none. */
  faces: z.array(z.custom<Face>((value) => typeof value === 'object' && value !== null)).optional(),
  /**
   * Components whose sessions carry out the target's work, where they are not named as the kind, which is the name that a
   * control loop has unless it is given another. Default: none.
   */
  components: z.array(text).optional(),
  /** Exclusion keys that the target is claimed with: the tables know them only while they are held. Default: none. */
  exclude: z.array(z.strictObject({ group: text, key: text })).optional(),
});

export type ExplainOptions = z.input<typeof explainSchema>;

/** What one face keeps for a target. */
export interface FaceFacts {
  /** The face's name; `work` is Holdfast's own. */
  readonly face: string;
  readonly rows: readonly Fact[];
  /** What people call the target, where its name is an id. */
  readonly title?: string;
  /** What an operator may do about it now, in the console. */
  readonly offers?: readonly Offer[];
  /** Names of what the console can draw of it. */
  readonly drawings?: readonly string[];
}

/** What is known of a target, as one snapshot. */
export interface Explanation {
  readonly target: string;
  /** When it was so, by the database's clock. */
  readonly at: Date;
  /** False: neither work nor a face has anything of this name. Then it is `free`, and there is nothing else. */
  readonly isKnown: boolean;
  readonly state: TargetState;
  /** The most serious finding, in one line. */
  readonly verdict: string;
  /** Everything that is true of it now, the most serious first: what is stuck, then what goes on, then what is free. */
  readonly findings: readonly Finding[];
  readonly facts: readonly FaceFacts[];
}

const SERIOUS: readonly TargetState[] = ['stuck', 'progressing', 'free'];

/**
 * Says what a target is waiting for, if it waits: who holds it and until when, its backoff, park, quarantine or pause, the
 * exclusion key that somebody else has, or that nobody is there to claim it; then what every face knows of it.
 *
 * Reads one snapshot in one read-only transaction: one statement a face, and one for work. It disturbs no writer. Throws
 * MisuseError naming what is wrong, and as `transact`.
 */
export async function explain(
  db: Pick<Database, 'transact'>,
  target: string,
  options: ExplainOptions = {},
): Promise<Explanation> {
  return db.transact((tx) => explainOn(tx, target, options), {
    name: 'explain',
    readOnly: true,
    isolation: 'repeatable read',
    deadlineMs: READ_WITHIN_MS,
  });
}

/** The same in a transaction of the caller's. */
export async function explainOn(on: Executor, target: string, options: ExplainOptions): Promise<Explanation> {
  const { faces = [], components = [], exclude = [] } = checkOptions(explainSchema, options);
  checkText('target', target);
  const parts: [string, FacePart][] = [];
  for (const { name, explain: part } of faces) if (part) parts.push([name, await part(on, target)]);
  const wishes = parts.flatMap(([, { work = [] }]) => work);
  const work = await explainLocks(on, target, wishes, { components, exclude });
  return put(target, work, parts);
}

function put(target: string, work: WorkPart, others: readonly [string, FacePart][]): Explanation {
  const parts: [string, FacePart][] = [['work', work], ...others];
  const facts = parts.flatMap(([face, { facts: rows, title, offers = [], drawings = [] }]) =>
    rows.length > 0
      ? [
          {
            face,
            rows,
            ...(title !== undefined && { title }),
            ...(offers.length > 0 && { offers }),
            ...(drawings.length > 0 && { drawings }),
          },
        ]
      : [],
  );
  const all = parts.flatMap(([, { findings = [] }]) => findings);
  const findings = SERIOUS.flatMap((state) => all.filter((finding) => finding.state === state));
  const isKnown = work.isKnown || facts.length > 0 || findings.length > 0;
  const [first] = findings;
  const several = new Set(findings.map(({ subject }) => subject)).size > 1;
  const verdict = first
    ? `${several ? `${first.subject}: ` : ''}${first.text}`
    : isKnown
      ? 'nothing holds it back'
      : `nothing is known of ${target}`;
  return { target, at: work.now, isKnown, state: first?.state ?? 'free', verdict, findings, facts };
}

function liveByComponent(counts: unknown): ReadonlyMap<string, number> {
  return new Map(
    Object.entries((counts ?? {}) as Readonly<Record<string, number>>).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

interface WorkPart extends FacePart {
  readonly now: Date;
  /** It has a lock row, be it that of a key that nobody holds. */
  readonly isKnown: boolean;
}

/** What work knows of it: its lock rows, and those of the keys that faces and the caller name. */
async function explainLocks(
  on: Executor,
  target: string,
  wishes: readonly Wish[],
  options: Required<Pick<Wish, 'components' | 'exclude'>>,
): Promise<WorkPart> {
  const nameOf = (row: { readonly kind: string; readonly target?: string }) =>
    JSON.stringify([row.kind, row.target ?? target]);
  const keysOf = (wish: Wish | undefined) =>
    [...options.exclude, ...(wish?.exclude ?? [])].map(({ group, key }) => ({
      kind: GROUP + group,
      target: key,
    }));
  const asked = [...wishes, ...[undefined, ...wishes].flatMap(keysOf)];
  const rows = await explainWork(on, {
    target,
    // The first one gives a row, and with it the time, when nothing else does.
    targets: ['', ...asked.map((key) => key.target ?? target)],
    kinds: ['', ...asked.map(({ kind }) => kind)],
  });
  const byName = new Map(rows.map((row) => [nameOf(row), row]));
  const wishOf = new Map(wishes.map((wish) => [nameOf(wish), wish]));
  const works = rows.filter((row) => row.kind !== '' && !isGroup(row));
  const live = liveByComponent(rows.find(({ kind }) => kind === '')?.live);
  const judged = works.map((row): [ExplainWorkRow, Finding | undefined] => {
    const wish = wishOf.get(nameOf(row));
    const keys = keysOf(wish).flatMap((key) => byName.get(nameOf(key)) ?? []);
    const components = [...options.components, ...(wish?.components ?? [])];
    return [row, judge(row, { wish, keys, all: rows, live, components })];
  });
  const isHeldAlready = (key: ExplainWorkRow) => works.some(({ holder }) => holder === key.holder);
  const keys = rows
    .filter((row) => isGroup(row) && row.target === target && !isHeldAlready(row))
    .flatMap((row) => judgeKey(row, rows) ?? []);
  return {
    now: rows[0]!.now,
    isKnown: rows.some((row) => row.target === target && row.token !== null),
    facts: judged.flatMap(([row, finding]) => (row.token === null ? [] : [factOf(row, finding)])),
    // What moves the target comes before what stops its whole kind.
    offers: judged
      .flatMap(([row, finding]) => offersOf(row, finding))
      .sort((a, b) => Number('target' in b.args) - Number('target' in a.args)),
    findings: [...judged.flatMap(([, finding]) => finding ?? []), ...keys],
  };
}
