import type { Work } from '../work/index.ts';
import type { ArgsOf, Json, Named } from './definition.ts';
import type { Engine } from './engine.ts';
import type { InFlight } from './record.ts';

/**
 * An instance that this process holds, for firing its transitions by hand. Fires are carried out one after the other, in
 * the order of the calls, whichever part of the program made them. Each write proves the work's token.
 */
export class WorkflowInstance<State extends string, X> {
  readonly #engine: Engine;

  /** @internal */
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get work(): Work {
    return this.#engine.work;
  }

  get target(): string {
    return this.work.target;
  }

  /** Null: the initial state. */
  get state(): State | null {
    return this.#engine.snapshot.state as State | null;
  }

  get variables(): Json {
    return this.#engine.snapshot.variables;
  }

  get inFlight(): InFlight | undefined {
    return this.#engine.snapshot.inFlight;
  }

  /** Why it waits for an operator. */
  get stuck(): string | undefined {
    return this.#engine.snapshot.stuck;
  }

  /**
   * Fires a transition, and what follows from it automatically. True: its action went well, or its child is under way.
   * False: the action threw TransitionError; the error transition has fired, or the state is as it was. With `from`, only
   * from that state.
   *
   * Throws InvalidWorkflowTransitionError, TransitionInFlightError or MisuseError (arguments) before anything is written;
   * what the action threw, and then it is still in flight; LeaseLostError or SessionExpiredError when it was taken over.
   */
  fire<K extends keyof X & string>(
    id: K,
    args?: ArgsOf<X, K>,
    { from }: { readonly from?: State | null } = {},
  ): Promise<boolean> {
    return this.#engine.fire(id, args as Json, from);
  }

  /** The transition with this alias that leaves the state. Throws as `fire`, also when there is none. */
  fireAlias(alias: Named<X, 'alias'>, args?: Json): Promise<boolean> {
    return this.#engine.fireAlias(alias, args);
  }

  /** The first transition that leads to a state. False: none does from here, or its action could not be done. */
  transitionTo(state: State, args?: Json): Promise<boolean> {
    return this.#engine.transitionTo(state, args);
  }

  /**
   * Runs what is in flight again, with its own arguments, or fires what is due: what a worker does first. False: an action
   * could not be done, or the instance is stuck. Throws as `fire`.
   */
  synchronize(): Promise<boolean> {
    return this.#engine.synchronize();
  }

  /** Runs `body` with no other fire in between: look at the state, and fire what follows from it. */
  alone<T>(body: () => Promise<T> | T): Promise<T> {
    return this.#engine.alone(body);
  }

  /** Gives the instance back. Throws as `work.finish`. */
  end(): Promise<void> {
    return this.#engine.end();
  }

  /** Gives it back unless it was, or was lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.work.ended && !this.work.signal.aborted) await this.end();
  }
}
