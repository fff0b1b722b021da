import type { Backlog } from './pages.ts';

/** A part of what waits of a subject. */
interface Counted {
  readonly subject: string;
  readonly waiting: bigint;
  readonly stuck: bigint;
  readonly oldestAt: Date | null;
  readonly example: string | null;
}

/** One backlog for each subject, from rows that count parts of it; `listOf` names the list that shows it. */
export function summedBacklog<Row extends Counted>(
  rows: readonly Row[],
  listOf: (row: Row) => Backlog['list'],
): readonly Backlog[] {
  const bySubject = new Map<string, Backlog>();
  for (const row of rows) {
    const { subject, waiting, stuck, oldestAt, example } = row;
    const sum = bySubject.get(subject);
    bySubject.set(subject, {
      subject,
      waiting: (sum?.waiting ?? 0) + Number(waiting),
      stuck: (sum?.stuck ?? 0) + Number(stuck),
      oldestAt: waiting > 0n && oldestAt ? oldestAt : sum?.oldestAt,
      example: example ?? sum?.example,
      list: listOf(row),
    });
  }
  return [...bySubject.values()];
}
