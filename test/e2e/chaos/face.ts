import { readdir } from 'node:fs/promises';
import { UsageError } from '../../../src/cli/support/usage-error.ts';
import type { ControlLoop, Database } from '../../../src/index.ts';
import type { SeededRandom } from '../../support/seed.ts';

/** What must hold, whatever happens. */
export interface Invariant {
  readonly name: string;
  /** SELECT of the rows that break it. */
  readonly broken: string;
  /** SELECT of one number: how often it could have been broken in this run. */
  readonly exercised: string;
  /** Only once the faults have stopped and everything has drained. Default: at any moment, in one snapshot. */
  readonly atRest?: boolean;
}

/** What a face's part of a process is given. */
export interface Surroundings {
  readonly db: Database;
  /** Name of the process, and `instance` of its sessions. */
  readonly name: string;
  readonly intervalMs: number;
  readonly pollIntervalMs: number;
  readonly random: SeededRandom;
  /** For control loops, and for whatever else fails. */
  readonly onError: (error: unknown, during: string) => void;
}

/**
 * One part of Holdfast under faults: a file of `faces/` that exports `face`. All that its protected transactions do they write
 * down with `observe`, so what holds for every face is checked for it as well.
 */
export interface ChaosFace {
  readonly name: string;
  /** SQL pattern of the kinds of work that it runs. */
  readonly kinds: string;
  /** Its tables, and what is in them at first. */
  readonly schema: readonly string[];
  /** Starts what one worker process does. */
  work(surroundings: Surroundings): readonly ControlLoop[];
  /** Asks for some more work; called again and again by the feeder, also behind a call that failed. */
  feed(surroundings: Surroundings): Promise<void>;
  /** Matches a statement of the transactions that `feed` runs again when it is not known whether they were committed. */
  readonly asks?: RegExp;
  /** When nothing is fed any more, until nothing is left: lets go what would wait for ever. `time` counts the calls. */
  settle?(db: Database, time: number): Promise<void>;
  /** SELECT of one number: what is left to do. */
  readonly left: string;
  /** SELECT of a name and a number each: what was done. */
  readonly done: string;
  readonly invariants: readonly Invariant[];
  /** Protections that can be taken out of a worker process, by name; with each of them a run must fail. */
  readonly mutations: Readonly<Record<string, () => void>>;
}

const FOLDER = new URL('faces/', import.meta.url);

/** All faces, or those named. Throws UsageError for one that is not there. */
export async function loadFaces(names?: readonly string[]): Promise<ChaosFace[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.ts')).sort();
  const faces: ChaosFace[] = await Promise.all(
    files.map(async (file) => (await import(new URL(file, FOLDER).href)).face),
  );
  const known = faces.map(({ name }) => name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`there is no face "${unknown}"; there are ${known.join(', ')}`);
  return faces.filter(({ name }) => names?.includes(name) ?? true);
}

/** What a handler of these runs throws on purpose. */
export class ChaosFailure extends Error {
  override readonly name = 'ChaosFailure';
}
