import type { z } from 'zod';
import { invalidOption, jsonOf } from '../base/index.ts';
import { reading } from '../client/index.ts';
import { readNote, writeNote } from '../queries/commands.ts';
import type { Executor, JsonValue } from '../query/index.ts';
import type { Session } from '../work/index.ts';
import { NoteConflictError } from './errors.ts';

/**
 * What components keep beside targets, one note each: written by sessions of that component alone, read by anybody, gone
 * when the target is destroyed. For who may not write the target itself. After Drydock's wish for one.
 */
export class Notes<T> {
  readonly #queue: string;
  readonly #schema: z.ZodType<T>;

  /** @internal */
  constructor(queue: string, schema: z.ZodType<T>) {
    this.#queue = queue;
    this.#schema = schema;
  }

  /** The component's note and its version; undefined: there is none. Throws MisuseError when it does not fit the schema. */
  async read(
    on: Executor,
    target: string,
    component: string,
  ): Promise<{ readonly value: T; readonly version: bigint } | undefined> {
    const row = await readNote(reading(on), { queue: this.#queue, target, owner: component });
    return row ? { value: this.#check(row.value), version: row.version } : undefined;
  }

  /**
   * Writes the note of the session's component, if it has this version (0n: there is none yet), and gives the new one.
   * Throws NoteConflictError when it has another, MisuseError for a value that does not fit, and as `session.transact`.
   */
  async write(session: Session, target: string, value: T, version: bigint): Promise<bigint> {
    const json = JSON.parse(jsonOf('value', this.#check(value))) as JsonValue;
    const row = await session.transact((tx) =>
      writeNote(tx, { queue: this.#queue, target, value: json, sessionId: session.id, version }),
    );
    if (row.version === null) throw new NoteConflictError(target, version);
    return row.version;
  }

  #check(value: unknown): T {
    const checked = this.#schema.safeParse(value);
    if (checked.success) return checked.data;
    const [issue] = checked.error.issues;
    const path = ['note', ...(issue?.path ?? [])].join('.');
    throw invalidOption(path, issue?.message ?? 'not valid');
  }
}
