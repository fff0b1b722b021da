import { invalidOption, MigrationError, SchemaVersionError } from '../base/index.ts';
import { label, type Migration, type MigrationSet } from './migration-set.ts';
import type { MigrationRecord } from './store.ts';

/** A migration to run, and what is known of an earlier try that did not end. */
export interface Step {
  readonly migration: Migration;
  readonly record: MigrationRecord | undefined;
}

/**
 * Which migrations `up` is to run, in order. Nothing is planned against a schema that is newer than these
 * files, or that was made from other ones.
 *
 * @throws SchemaVersionError `ahead`
 * @throws MigrationError `edited`, `out-of-order`, or `invalid-file` for one that is to run
 */
export function planUp(set: MigrationSet, records: readonly MigrationRecord[], to?: number): readonly Step[] {
  const ours = recordsOf(set, records);
  const newest = set.migrations.at(-1)?.number ?? 0;
  if (to !== undefined && to > newest) {
    throw invalidOption('to', `${set.name} has no migration ${to}: the newest is ${newest}`);
  }
  const ahead = ours.find(({ number }) => number > newest);
  if (ahead !== undefined) {
    throw new SchemaVersionError(
      'ahead',
      `the schema ${set.name} is at ${label(ahead)}, newer than this release, which knows ${newest} migrations: ` +
        'run a newer release',
    );
  }
  assertUnchanged(set, ours);
  const pending = set.migrations.filter(({ number }) => !isApplied(ours, number));
  const last = ours.findLast((record) => record.finishedAt !== undefined);
  const late = pending.find(({ number }) => last !== undefined && number < last.number);
  if (late !== undefined && !ours.some(({ number }) => number === late.number)) {
    throw new MigrationError(
      'out-of-order',
      `${late.up.file} is new but numbered before ${label(last!)}, which is applied: give it a later number`,
    );
  }
  const wanted = pending.filter(({ number }) => to === undefined || number <= to);
  for (const { up } of wanted) up.assertValid();
  return wanted.map((migration) => ({
    migration,
    record: ours.find(({ number }) => number === migration.number),
  }));
}

/**
 * Which migrations `down` is to take back, the newest first, so that `to` is the newest that stays.
 *
 * @throws SchemaVersionError `ahead`
 * @throws MigrationError `edited`, or `invalid-file` where there is no down file, or none that can run
 */
export function planDown(
  set: MigrationSet,
  records: readonly MigrationRecord[],
  to: number,
): readonly Step[] {
  const ours = recordsOf(set, records);
  return ours
    .filter(({ number }) => number > to)
    .reverse()
    .map((record) => {
      const migration = set.migrations.find(({ number }) => number === record.number);
      if (migration === undefined) {
        throw new SchemaVersionError(
          'ahead',
          `${set.name} ${label(record)} is not known to this release: take it down with the release that has it`,
        );
      }
      if (migration.down === undefined) {
        throw new MigrationError(
          'invalid-file',
          `${migration.up.file} has no down file: it cannot be taken back`,
        );
      }
      migration.up.assertValid();
      migration.down.assertValid();
      return { migration, record };
    });
}

export function recordsOf(
  set: MigrationSet,
  records: readonly MigrationRecord[],
): readonly MigrationRecord[] {
  return records.filter((record) => record.set === set.name);
}

export function isApplied(records: readonly MigrationRecord[], number: number): boolean {
  return records.some((record) => record.number === number && record.finishedAt !== undefined);
}

function assertUnchanged(set: MigrationSet, records: readonly MigrationRecord[]): void {
  for (const record of records) {
    const migration = set.migrations.find(({ number }) => number === record.number);
    if (migration === undefined || migration.name !== record.name) {
      throw new MigrationError(
        'edited',
        `${set.name} ${label(record)} is applied, but its file is gone or renamed: bring it back`,
      );
    }
    if (record.direction !== 'up') continue;
    const { up } = migration;
    if (record.proof === up.proof(record.checksum)) continue;
    if (
      record.statementsDone > up.statements.length ||
      record.checksum !== up.checksum(record.statementsDone) ||
      (record.finishedAt !== undefined && record.statementsDone !== up.statements.length)
    ) {
      const state = record.finishedAt === undefined ? 'half applied' : 'applied';
      throw new MigrationError(
        'edited',
        `${up.file} was edited after it was ${state}: restore it, and put the change in a new migration`,
      );
    }
  }
}
