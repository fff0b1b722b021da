import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestDatabase } from '../../support/database.ts';

const execute = promisify(execFile);

/** The demo of a folder of examples, on the test's database and with a temporary folder of the test's own. */
export class Demo {
  readonly main: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #interval: readonly string[];

  constructor(example: string, database: TestDatabase, temporary: string) {
    this.main = fileURLToPath(new URL(`../../../examples/${example}/main.ts`, import.meta.url));
    this.env = { ...process.env, TMPDIR: temporary, DATABASE_URL: database.url, HOLDFAST_DATABASE_URL: '' };
    // A busy host answers no heartbeat within the second that the demos have by default.
    this.#interval = ['--interval-ms', database.engine === 'cockroachdb' ? '5000' : '2000'];
  }

  /** Runs it to its end; rejects when it ends with another code than 0. */
  run(...args: string[]) {
    return execute(process.execPath, [this.main, ...this.#interval, ...args], { env: this.env });
  }

  /** Starts it. Its output ends when its workers have ended too. */
  start(...args: string[]) {
    return spawn(process.execPath, [this.main, ...this.#interval, ...args], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }
}
