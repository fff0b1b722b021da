import { HoldfastError } from '../base/index.ts';

/** Another command of this target has the same key, or the same command with other arguments. Nothing was sent. */
export class CommandKeyError extends HoldfastError {
  readonly code = 'HOLDFAST_COMMAND_KEY';
  readonly target: string;
  readonly key: string;
  /** Number of the command that has the key. */
  readonly sequence: bigint;

  constructor(target: string, key: string, sequence: bigint) {
    super(`command ${sequence} of ${target} has the key ${key}, and is not the same: choose another key`);
    this.target = target;
    this.key = key;
    this.sequence = sequence;
  }
}

/** The command had not ended in time. It stays in the queue: cancel it, or look at it later. */
export class CommandTimeoutError extends HoldfastError {
  readonly code = 'HOLDFAST_COMMAND_TIMEOUT';
  readonly target: string;
  readonly sequence: bigint;

  constructor(target: string, sequence: bigint, command: string, ms: number) {
    super(`${command}, command ${sequence} of ${target}, has not ended within ${ms} ms: it is still pending`);
    this.target = target;
    this.sequence = sequence;
  }
}

/** The note has another version: read it again. Nothing was written. */
export class NoteConflictError extends HoldfastError {
  readonly code = 'HOLDFAST_NOTE_CONFLICT';
  readonly target: string;

  constructor(target: string, version: bigint) {
    super(`the note beside ${target} does not have version ${version} any more`);
    this.target = target;
  }
}
