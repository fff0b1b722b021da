/** What one committed transaction saw and left: versions of rows, which count up by one with each write. */
export interface CommittedTransaction {
  readonly number: number;
  /** Row to the version that was read. */
  readonly reads: ReadonlyMap<number, number>;
  /** Row to the version that was written. */
  readonly writes: ReadonlyMap<number, number>;
}

/** A history that no serial order explains. */
export class NotSerializableError extends Error {
  override readonly name = 'NotSerializableError';
}

/**
 * A serial order that explains the history, or NotSerializableError with a cycle of its direct serialization graph
 * (Adya): who wrote a version comes before who read it and before who wrote the next one; who read a version
 * comes before who wrote the next one.
 */
export function serialOrder(history: readonly CommittedTransaction[]): readonly CommittedTransaction[] {
  const after = new Map<CommittedTransaction, Set<CommittedTransaction>>(
    history.map((one) => [one, new Set()]),
  );
  const writers = new Map<string, CommittedTransaction[]>();
  const key = (row: number, version: number) => `${row}:${version}`;
  for (const one of history)
    for (const [row, version] of one.writes) {
      const same = writers.get(key(row, version));
      if (same) same.push(one);
      else writers.set(key(row, version), [one]);
    }
  const order = (first: CommittedTransaction, second: CommittedTransaction) => {
    if (first !== second) after.get(first)!.add(second);
  };
  for (const one of history) {
    for (const [row, version] of one.writes) {
      for (const before of writers.get(key(row, version - 1)) ?? []) order(before, one);
      // Two that wrote the same version both come before and after each other.
      for (const twin of writers.get(key(row, version))!) order(one, twin);
    }
    for (const [row, version] of one.reads) {
      for (const writer of writers.get(key(row, version)) ?? []) order(writer, one);
      for (const next of writers.get(key(row, version + 1)) ?? []) order(one, next);
    }
  }
  return topological(history, after);
}

function topological(
  history: readonly CommittedTransaction[],
  after: ReadonlyMap<CommittedTransaction, ReadonlySet<CommittedTransaction>>,
): readonly CommittedTransaction[] {
  const waitsFor = new Map(history.map((one) => [one, 0]));
  for (const followers of after.values())
    for (const one of followers) waitsFor.set(one, waitsFor.get(one)! + 1);
  const ready = history.filter((one) => waitsFor.get(one) === 0);
  const ordered: CommittedTransaction[] = [];
  for (let one = ready.pop(); one; one = ready.pop()) {
    ordered.push(one);
    for (const follower of after.get(one)!) {
      const left = waitsFor.get(follower)! - 1;
      waitsFor.set(follower, left);
      if (left === 0) ready.push(follower);
    }
  }
  if (ordered.length === history.length) return ordered;
  const stuck = history.filter((one) => waitsFor.get(one)! > 0).map(({ number }) => number);
  throw new NotSerializableError(
    `no serial order: a cycle among transactions ${stuck.slice(0, 20).join(', ')}`,
  );
}

/**
 * Runs the order again, one transaction after another, on rows at version 0: every read must be what the
 * transaction saw. Gives the last version of each row, for the comparison with the database.
 */
export function replay(ordered: readonly CommittedTransaction[]): ReadonlyMap<number, number> {
  const versions = new Map<number, number>();
  for (const { number, reads, writes } of ordered) {
    for (const [row, version] of reads) {
      const now = versions.get(row) ?? 0;
      if (now !== version)
        throw new NotSerializableError(
          `transaction ${number} read version ${version} of row ${row}, not ${now}`,
        );
    }
    for (const [row, version] of writes) {
      const now = versions.get(row) ?? 0;
      if (now + 1 !== version)
        throw new NotSerializableError(
          `transaction ${number} wrote version ${version} of row ${row} on ${now}`,
        );
      versions.set(row, version);
    }
  }
  return versions;
}
