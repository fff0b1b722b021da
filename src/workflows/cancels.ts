import { Service, tell } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import { canceledWorkflows } from '../queries/workflows.ts';
import type { Engine } from './engine.ts';
import { cancelTopic } from './writes.ts';

/** Who is not told looks after so long, while it holds something. */
const LOOK_MS = 5_000;
const PATIENCE_MS = 30_000;

/**
 * Tells the instances that a process holds that they were canceled: one watch and one statement for all of them. An
 * instance that is not told learns of it with its next look at the row.
 */
export class Cancels {
  readonly #db: Database;
  readonly #workflow: string;
  readonly #held = new Map<string, Engine>();
  readonly #service: Service;
  #changed = Promise.withResolvers<void>();

  constructor(db: Database, workflow: string, onError?: (error: unknown) => void) {
    this.#db = db;
    this.#workflow = workflow;
    const watch = db.watch(cancelTopic(workflow));
    this.#service = new Service({
      turn: async (stopping) => {
        if (this.#held.size === 0) {
          const { promise } = this.#changed;
          stopping.addEventListener('abort', () => this.#changed.resolve(), { once: true });
          await promise;
          return 0;
        }
        const { heard } = watch;
        await this.#look();
        await watch.changed(heard, LOOK_MS, stopping);
        return 0;
      },
      onError: (error) => tell(() => onError?.(error)),
    });
    void this.#service.done.then(() => watch[Symbol.dispose]());
  }

  hold(engine: Engine): Disposable {
    const { target } = engine.work;
    this.#held.set(target, engine);
    this.#changed.resolve();
    return {
      [Symbol.dispose]: () => {
        if (this.#held.get(target) === engine) this.#held.delete(target);
        if (this.#held.size === 0) this.#changed = Promise.withResolvers();
      },
    };
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  async #look(): Promise<void> {
    const asked = await canceledWorkflows(this.#db.guardedWithin(PATIENCE_MS), {
      workflow: this.#workflow,
      targets: [...this.#held.keys()],
    });
    for (const { target, cancelReason } of asked) this.#held.get(target)?.cancel(cancelReason ?? undefined);
  }
}
