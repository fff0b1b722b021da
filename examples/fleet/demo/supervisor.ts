/** Keeps the components up, as Kubernetes would: a replica that ends is started again. */
import { join } from 'node:path';
import { styleText } from 'node:util';
import type { Database } from '../../../src/index.ts';
import { databaseTime, heldMachines } from '../src/queries/audit.ts';
import type { Board } from './board.ts';
import { type Child, type Ending, startChild } from './child.ts';
import { isHeldBy } from './fleet-view.ts';
import { TAKE_OVER_BOUND_MS } from './settings.ts';

/** A component that was killed, and what it held at that moment. */
export interface Killed {
  readonly component: string;
  /** By the database's clock: just before the demo sent the signal, or when it saw that somebody else had. */
  readonly at: Date;
  /** By the demo, at a moment when what is held needs a successor. */
  readonly isStaged: boolean;
  readonly work: readonly { readonly kind: string; readonly target: string; readonly token: bigint }[];
}

export interface SupervisorOptions {
  /** The program with its first arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly logDirectory: string;
  readonly db: Database;
  readonly board: Board;
  /** A component does not come up, or not for long. */
  readonly onFailure: (error: unknown) => void;
}

/** A replica that ends more often than this is broken, not killed. */
const MOST_RESTARTS = 5;

interface Replica {
  readonly component: string;
  readonly args: () => readonly string[];
  child: Child;
  /** Resolves when it has been started again. */
  next: PromiseWithResolvers<void>;
  restarts: number;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #replicas: Replica[] = [];
  readonly #killed: Killed[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #records: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** The latest process of each replica. */
  get children(): readonly Child[] {
    return this.#replicas.map(({ child }) => child);
  }

  /** What was killed so far, once it is written down what each held. */
  async killed(): Promise<readonly Killed[]> {
    await this.#records;
    return this.#killed;
  }

  /**
   * Resolves with a field of the first log line that has this message, also when the replica had to be started
   * again before. `args` is asked anew then.
   */
  async start(
    component: string,
    number: number,
    args: () => readonly string[],
    said: { readonly message: string; readonly field: string },
  ): Promise<string> {
    const child = this.#spawn(`${component}-${number}`, args());
    const replica: Replica = { component, args, child, next: Promise.withResolvers(), restarts: 0 };
    this.#replicas.push(replica);
    for (;;) {
      const { next } = replica;
      const value = await replica.child.logged(said.message, said.field).catch(() => undefined);
      if (value !== undefined) return value;
      await next.promise;
    }
  }

  /** SIGKILL. Resolves with false when it had nothing left to do: there is no take-over to see then. */
  async kill(child: Child): Promise<boolean> {
    const { db } = this.#options;
    const { now: at } = await databaseTime(db);
    child.kill();
    const { work } = await this.#record(child, at, true);
    this.#startAgain(child);
    return work.length > 0;
  }

  async stopAll(graceMs: number): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.children.map((child) => child.stop(graceMs)));
  }

  /** For the last moment of the process, when nothing can be waited for. */
  killAll(): void {
    this.#isStopping = true;
    for (const child of this.children) child.kill();
  }

  #spawn(name: string, args: readonly string[]): Child {
    const { command, env, logDirectory } = this.#options;
    const [program, ...first] = command;
    return startChild({
      name,
      command: [program, ...first, ...args],
      env,
      logPath: join(logDirectory, `${name}.log`),
      onEnded: (child, ending) => this.#onEnded(child, ending),
    });
  }

  /** Nobody here has ended it. */
  #onEnded(child: Child, { why, isKill, wasUp }: Ending): void {
    const { board, onFailure } = this.#options;
    if (this.#isStopping) return;
    if (!isKill && !wasUp) {
      onFailure(new Error(`${child.name} did not come up: ${why}`));
      return;
    }
    if (isKill) this.#records = this.#records.then(() => this.#recordForeign(child));
    else board.event(styleText('yellow', `${child.name} (pid ${child.pid}) ended: ${why}`));
    this.#startAgain(child);
  }

  async #recordForeign(child: Child): Promise<void> {
    try {
      await this.#record(child, (await databaseTime(this.#options.db)).now, false);
    } catch (error) {
      if (!this.#isStopping) this.#options.onFailure(error);
    }
  }

  /** Whatever is still its own now, it held when it died. */
  async #record(child: Child, at: Date, isStaged: boolean): Promise<Killed> {
    const { board, db } = this.#options;
    const rows = await db.transact((tx) => heldMachines(tx), { readOnly: true });
    const work = rows.filter((row) => isHeldBy(row, child));
    const names = work.map((row) => row.machine ?? row.target);
    const what = names.length > 3 ? `${names.length} machines` : names.join(', ') || 'nothing';
    const by = isStaged ? 'SIGKILL' : 'SIGKILL by somebody else:';
    board.event(styleText('red', `${by} ${child.name} (pid ${child.pid}) while it holds ${what}`));
    const killed = { component: child.name, at, isStaged, work };
    this.#killed.push(killed);
    return killed;
  }

  /** Not before its peers have taken over, if it has any: they are who should. */
  #startAgain(dead: Child): void {
    const replica = this.#replicas.find(({ child }) => child === dead);
    if (!replica) return;
    if (++replica.restarts > MOST_RESTARTS) {
      this.#options.onFailure(new Error(`${dead.name} ended ${replica.restarts} times`));
      return;
    }
    const hasPeers = this.#replicas.some(
      ({ component, child }) => component === replica.component && child.state === 'running',
    );
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (this.#isStopping) return;
        replica.child = this.#spawn(dead.name, replica.args());
        replica.next.resolve();
        replica.next = Promise.withResolvers();
        this.#options.board.event(`${dead.name} is started again (pid ${replica.child.pid})`);
      },
      hasPeers ? TAKE_OVER_BOUND_MS : 0,
    );
    this.#timers.add(timer);
  }
}
