import { Service } from '../base/index.ts';
import type { PipelineProfile } from '../pipeline/index.ts';
import { writeProgress } from '../queries/repositories.ts';
import type { OpenVersion } from './version.ts';

/** How far one step of a sync is. */
export interface StepProgress {
  readonly code: string;
  /** For people. */
  readonly message: string;
  readonly done: number;
  /** Undefined: nobody knows. */
  readonly total: number | undefined;
  readonly state: 'running' | 'completed';
}

const EVERY_MS = 2_000;

/** A step that stages count. */
export class Step {
  readonly code: string;
  readonly message: string;
  readonly #changed: () => void;
  #done = 0;
  #total: number | undefined;
  #isOver = false;

  /** @internal */
  constructor(code: string, message: string, changed: () => void) {
    this.code = code;
    this.message = message;
    this.#changed = changed;
  }

  add(count: number): void {
    if (count === 0) return;
    this.#done += count;
    this.#changed();
  }

  /** There will be so many. */
  expect(total: number): void {
    this.#total = total;
    this.#changed();
  }

  /** No more will be counted. */
  end(): void {
    this.#isOver = true;
    this.#total = this.#done;
    this.#changed();
  }

  get now(): StepProgress {
    const state = this.#isOver ? 'completed' : 'running';
    return { code: this.code, message: this.message, done: this.#done, total: this.#total, state };
  }
}

/**
 * Steps and stages of a sync, written down for others every two seconds at most and at the end; steps are told to the program at
 * once. A write that fails is left out: the next one says the same and more.
 */
export class Progress {
  readonly #steps = new Map<string, Step>();
  readonly #tell: ((step: StepProgress) => void) | undefined;
  readonly #dirty = new Set<Step>();
  #profile: (() => PipelineProfile) | undefined;
  /** As they were written down last. */
  #stages: string | undefined;
  #service: Service | undefined;

  constructor(tell?: (step: StepProgress) => void) {
    this.#tell = tell;
  }

  /** The step with this code; made when it is asked for first. */
  step(code: string, message: string): Step {
    let step = this.#steps.get(code);
    if (!step) {
      const made: Step = new Step(code, message, () => {
        this.#dirty.add(made);
        this.#tell?.(made.now);
      });
      step = made;
      this.#steps.set(code, step);
    }
    return step;
  }

  get steps(): readonly StepProgress[] {
    return [...this.#steps.values()].map(({ now }) => now);
  }

  /** @internal What reads the profile of its pipeline. */
  readonly watch = (profile: () => PipelineProfile): void => {
    this.#profile = profile;
  };

  /** @internal Writes down how far it is, from now on. */
  begin(version: OpenVersion): void {
    this.#service = new Service({
      turn: async () => {
        await this.write(version);
        return EVERY_MS;
      },
    });
  }

  /** @internal */
  async stop(): Promise<void> {
    await this.#service?.stop();
  }

  /** @internal Writes down what has changed. */
  async write(version: OpenVersion): Promise<void> {
    const steps = [...this.#dirty].map(({ now }) => now);
    this.#dirty.clear();
    const stages = this.#profile?.().stages.map(({ stage, state, itemsIn, itemsOut, queued }) => {
      return { stage, state, itemsIn, itemsOut, queued };
    });
    const before = this.#stages;
    this.#stages = JSON.stringify(stages);
    if (steps.length === 0 && this.#stages === before) return;
    try {
      await version.transact(
        (tx) =>
          writeProgress(tx, {
            repositoryId: version.repositoryId,
            token: version.work.token,
            stages: stages ?? null,
            codes: steps.map(({ code }) => code),
            messages: steps.map(({ message }) => message),
            dones: steps.map(({ done }) => BigInt(done)),
            totals: steps.map(({ total }) => BigInt(total ?? -1)),
            states: steps.map(({ state }) => state),
          }),
        'sync progress',
      );
    } catch (error) {
      for (const { code } of steps) this.#dirty.add(this.#steps.get(code)!);
      this.#stages = before;
      throw error;
    }
  }
}
