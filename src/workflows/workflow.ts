import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import {
  checkOptions,
  checkText,
  invalidOption,
  jsonOf,
  LeaseLostError,
  SessionExpiredError,
} from '../base/index.ts';
import { type Database, reading, type Transacts, WRITE_WITHIN_MS } from '../client/index.ts';
import {
  dueWorkflows,
  otherStarts,
  publishWorkflow,
  sendSignal,
  startWorkflows,
  workflowExists,
} from '../queries/workflows.ts';
import type { Executor } from '../query/index.ts';
import { traceContext } from '../telemetry/index.ts';
import {
  type ControlLoop,
  type ControlLoopOptions,
  runControlLoop,
  type Session,
  type Source,
  type Work,
} from '../work/index.ts';
import type { Action, Migrate, Snapshot, Transitioned } from './action.ts';
import { Cancels } from './cancels.ts';
import {
  type ArgsOf,
  checkDefinition,
  type Graph,
  type Json,
  type Named,
  publishedForm,
  type TransitionDefinition,
} from './definition.ts';
import { type DiagramFormat, diagram } from './diagram.ts';
import { Engine, type EngineOptions, messageOf } from './engine.ts';
import { WorkflowNotFoundError, WorkflowStartConflictError } from './errors.ts';
import { WorkflowInstance } from './instance.ts';
import {
  cancelInstance,
  listInstances,
  type Resolution,
  resolveWorkflow,
  type WorkflowEvent,
  type WorkflowFilter,
  workflowHistory,
  workflowStatus,
} from './operator.ts';
import type { WorkflowStatus } from './record.ts';
import { kindOf, Writes } from './writes.ts';

/** Transitions by id, between declared states. */
export type TransitionsOf<S extends string, X> = {
  readonly [K in keyof X]: TransitionDefinition<S, keyof X & string>;
};

/** What the transitions do. One without an action only changes the state. */
export type Actions<X> = { readonly [K in keyof X]?: Action<ArgsOf<X, K>> };

/** How an instance is worked on. */
export interface RunOptions {
  /** Sees what is in flight before it is run again. */
  readonly beforeSynchronize?: ((instance: Snapshot) => Promise<void> | void) | undefined;
  /** Told of each change of state once it is committed. What it throws becomes a process warning. */
  readonly onTransition?: ((transitioned: Transitioned) => void) | undefined;
  /** Aborts the actions' signals. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `workflow.runLoop`: the actions, and what `runControlLoop` takes. */
export type WorkflowLoopOptions<X> = Omit<ControlLoopOptions, 'source' | 'handle'> &
  Omit<RunOptions, 'signal'> & { readonly actions: Actions<X>; readonly source?: Source | undefined };

/** What an instance is started with. */
export interface StartOptions<V> {
  readonly target: string;
  readonly variables?: V | undefined;
  /** Tells this start from others. Default: the target. */
  readonly key?: string | undefined;
}

/** Options of `source`. */
export interface SourceOptions {
  /** Instances of these versions. Default: this one, and those that `migrate` takes over. */
  readonly versions?: readonly number[] | undefined;
  /** At most one instance of the group is worked on at a time, of whichever workflow. */
  readonly oneAtATime?: string | undefined;
}

/** A workflow of any states and transitions. */
// biome-ignore lint/suspicious/noExplicitAny: it says nothing of them
export type AnyWorkflow = Workflow<any, any, any>;

/** Told before and after each write of a holder. */
const PROBE: unique symbol = Symbol('probe');

/** @internal `workflow.run` for the test helpers, which interrupt it. */
export function runProbed(
  workflow: AnyWorkflow,
  work: Work,
  actions: never,
  options: RunOptions,
  probe: EngineOptions['probe'],
): Promise<void> {
  return workflow.run(work, actions, { ...options, [PROBE]: probe } as RunOptions);
}

/**
 * A state machine for targets, each instance a row. A transition is written down with its arguments before its action
 * runs, so a worker that dies needs no extra states: who takes the instance over runs it again.
 *
 * After Juju's WorkflowState.
 */
export class Workflow<
  State extends string = string,
  X extends TransitionsOf<State, X> = Record<string, TransitionDefinition<State, string>>,
  Variables = Json,
> {
  readonly name: string;
  readonly version: number;
  /** The kind of work that an instance is: for policies, pause and history. */
  readonly kind: string;
  readonly #graph: Graph;
  readonly #writes: Writes;
  readonly #migrate: Readonly<Record<number, Migrate>>;

  /** @internal */
  constructor(definition: unknown) {
    this.#graph = checkDefinition(definition);
    const { name, version } = this.#graph.definition;
    this.name = name;
    this.version = version;
    this.kind = kindOf(name);
    this.#writes = new Writes(name);
    this.#migrate = ((definition as { migrate?: Record<number, Migrate> }).migrate ?? {}) as never;
    for (const [from, migrate] of Object.entries(this.#migrate))
      if (typeof migrate !== 'function' || !(Number(from) >= 1) || Number(from) >= version)
        throw invalidOption(`migrate.${from}`, `expected a function, and a version before ${version}`);
  }

  /**
   * Starts an instance; it is due at once. False: it was there, started alike. Throws WorkflowStartConflictError when it was
   * started otherwise, MisuseError for variables that do not fit, and as `transact`; then nothing was changed.
   */
  async start(
    on: Transacts,
    target: string,
    { variables, key }: Omit<StartOptions<Variables>, 'target'> = {},
  ): Promise<boolean> {
    return (await this.startMany(on, [{ target, variables, key }])).length > 0;
  }

  /** The same for many, in one statement, all or none. Gives the targets that are new. */
  async startMany(on: Transacts, starts: readonly StartOptions<Variables>[]): Promise<string[]> {
    if (starts.length === 0) return [];
    const { variables: schema } = this.#graph.definition;
    const given = {
      targets: starts.map(({ target }) => checkText('target', target)),
      variables: starts.map(({ variables = {} }) =>
        jsonOf('variables', schema ? checkOptions(schema, variables) : checkJson('variables', variables)),
      ),
      keys: starts.map(({ key, target }) => checkText('key', key ?? target)),
    };
    const { name: workflow } = this;
    return on.transact(
      async (tx) => {
        const started = await startWorkflows(tx, {
          ...given,
          workflow,
          version: BigInt(this.version),
          parentWorkflow: null,
          parentTarget: null,
          traceContext: traceContext(),
        });
        if (started.length < starts.length) {
          const others = await otherStarts(tx, { ...given, workflow });
          if (others.length > 0)
            throw new WorkflowStartConflictError(workflow, [...new Set(others.map(({ target }) => target))]);
        }
        if (started.length > 0) tx.announce(this.kind);
        return started.map(({ target }) => target);
      },
      { name: `start ${workflow}`, deadlineMs: WRITE_WITHIN_MS },
    );
  }

  /**
   * Says something to an instance: it is kept until a state takes it that waits for it. With a key, the same one twice is
   * one. False: it has ended, or was told before. Throws WorkflowNotFoundError, MisuseError for a payload that does not fit
   * the transition's arguments, and as `transact`.
   */
  async signal<N extends Named<X, 'signal'>>(
    on: Transacts,
    target: string,
    name: N,
    payload: Json = {},
    { key = randomUUID() }: { readonly key?: string } = {},
  ): Promise<boolean> {
    const { transitions } = this.#graph.definition;
    const taking = Object.values(transitions).filter(({ signal }) => signal === name);
    if (taking.length === 0) {
      const known = Object.values(transitions).flatMap(({ signal }) => signal ?? []);
      throw invalidOption('name', `"${name}" is not a signal; there are ${known.join(', ') || 'none'}`);
    }
    jsonOf('payload', checkJson('payload', payload));
    for (const { args } of taking) if (args) checkOptions(args, payload);
    const { name: workflow } = this;
    return on.transact(
      async (tx) => {
        const sent = await sendSignal(tx, {
          workflow,
          target: checkText('target', target),
          name,
          key,
          payload,
          traceContext: traceContext(),
        });
        if (sent > 0) tx.announce(this.kind);
        else await this.#mustExist(tx, target);
        return sent > 0;
      },
      { name: `signal ${workflow}`, deadlineMs: WRITE_WITHIN_MS },
    );
  }

  /**
   * Asks for the end of an instance: its action is told by its signal, its outcome is recorded, and the cancel transition
   * fires; children are canceled as well. False: it has ended, or was asked before. Throws WorkflowNotFoundError, and as
   * `transact`.
   */
  async cancel(
    on: Transacts,
    target: string,
    { reason }: { readonly reason?: string } = {},
  ): Promise<boolean> {
    return cancelInstance(on, this.name, target, reason);
  }

  async #mustExist(on: Executor, target: string): Promise<void> {
    const { found } = await workflowExists(on, { workflow: this.name, target });
    if (!found) throw new WorkflowNotFoundError(this.name, target);
  }

  /** State, what is in flight and its arguments, who holds it: one snapshot. Undefined: there is no such instance. */
  status(on: Executor, target: string): Promise<WorkflowStatus<State> | undefined> {
    return workflowStatus(on, this.name, checkText('target', target)) as Promise<
      WorkflowStatus<State> | undefined
    >;
  }

  /** Instances in the order of their targets, page by page. */
  list(on: Executor, filter: WorkflowFilter<State> = {}): AsyncGenerator<WorkflowStatus<State>> {
    return listInstances(on, this.name, filter) as AsyncGenerator<WorkflowStatus<State>>;
  }

  /** Every intent and every outcome, oldest first. */
  history(on: Executor, target: string): Promise<WorkflowEvent[]> {
    return workflowHistory(on, this.name, checkText('target', target));
  }

  /** The text of a diagram of its states and transitions. Throws MisuseError. */
  describe({ format = 'mermaid' }: { readonly format?: DiagramFormat } = {}): string {
    if (format !== 'mermaid' && format !== 'dot') throw invalidOption('format', 'expected mermaid or dot');
    return diagram(this.#graph.definition, format);
  }

  /** Writes the definition down, for the command line's diagrams. `runLoop` does so. */
  async publish(on: Executor): Promise<void> {
    await publishWorkflow(reading(on), {
      workflow: this.name,
      version: BigInt(this.version),
      definition: publishedForm(this.#graph),
    });
  }

  /** An operator's decision; see `resolveWorkflow`. Also refuses a state that is not declared. */
  async resolve(on: Transacts, target: string, resolution: Resolution<State>, cause: string): Promise<void> {
    const { states } = this.#graph.definition;
    if (typeof resolution === 'object' && !states.includes(resolution.force))
      throw invalidOption('force', `"${resolution.force}" is not a state; there are ${states.join(', ')}`);
    await resolveWorkflow(on, this.name, checkText('target', target), resolution, cause);
  }

  /** What a claim or a control loop takes instances from that are due. */
  source({ versions, oneAtATime }: SourceOptions = {}): Source {
    const { name: workflow, kind } = this;
    const all = (versions ?? [this.version, ...Object.keys(this.#migrate)]).map(BigInt);
    if (oneAtATime === undefined) return this.#writes.claim.with({ workflow, versions: all });
    const exclude = [{ group: 'workflows', key: oneAtATime }];
    return {
      kind,
      candidates: async (tx, wanted) => {
        const due = await dueWorkflows(tx, { workflow, versions: all, wanted: BigInt(wanted + 10) });
        return due.map(({ target }) => ({ target, exclude }));
      },
    };
  }

  /**
   * Works on an instance that was claimed: synchronizes it, goes on until nothing is due, and gives it back. Throws what an
   * action threw that was no TransitionError: the transition stays in flight, and the work is failed with the transition's
   * backoff, or, without one, still held; with its attempts used up the instance is stuck.
   */
  async run(work: Work, actions: Actions<X>, options: RunOptions = {}): Promise<void> {
    await this.#run(this.#engine(work, actions, options), undefined);
  }

  async #run(engine: Engine, cancels: Cancels | undefined): Promise<void> {
    using _ = cancels?.hold(engine);
    const { work } = engine;
    try {
      await engine.synchronize(true);
      // What was stopped on the way is given back as well.
      await engine.end();
    } catch (error) {
      const isLost = error instanceof LeaseLostError || error instanceof SessionExpiredError;
      // What is to stop is given back by who stops it.
      if (isLost || work.ended || engine.stops || !engine.isLoaded) throw error;
      const backoff = engine.backoff;
      if (!(await engine.giveUp(messageOf(error))) && backoff) await work.fail(messageOf(error), { backoff });
      throw error;
    }
  }

  /**
   * A control loop that works on what is due, and tells actions when their instance is canceled. Options as for
   * `runControlLoop`, and the actions. Throws MisuseError.
   */
  runLoop(db: Database, options: WorkflowLoopOptions<X>): ControlLoop {
    const { actions, source, beforeSynchronize, onTransition, ...rest } = options;
    this.#checkActions(actions);
    let cancels: Cancels | undefined;
    const loop = runControlLoop(db, {
      ...rest,
      source: source ?? this.source(),
      handle: async (work, signal) => {
        cancels ??= new Cancels(db, this.name, (error) => rest.onError?.(error, 'claim'));
        const engine = this.#engine(work, actions, { ...options, signal });
        await this.#run(engine, cancels);
      },
    });
    this.publish(db).catch((error: unknown) => rest.onError?.(error, 'session'));
    void loop.done.then(() => cancels?.stop());
    return loop;
  }

  /**
   * Takes one instance, due or not, to fire its transitions by hand. Undefined: somebody else holds it, or it is kept back.
   * Throws WorkflowNotFoundError, and as `session.claim`.
   */
  async hold(
    session: Session,
    target: string,
    actions: Actions<X> = {},
    options: RunOptions = {},
  ): Promise<WorkflowInstance<State, X> | undefined> {
    await this.#mustExist(session.guarded, checkText('target', target));
    const [work] = await session.claim({ kind: this.kind, candidates: () => [target] });
    return work && this.open(work, actions, options);
  }

  /** The instance that a work is, for firing its transitions by hand. Throws WorkflowNotFoundError. */
  async open(
    work: Work,
    actions: Actions<X> = {},
    options: RunOptions = {},
  ): Promise<WorkflowInstance<State, X>> {
    const engine = this.#engine(work, actions, options);
    await engine.load();
    return new WorkflowInstance(engine);
  }

  #engine(work: Work, actions: Actions<X>, options: RunOptions): Engine {
    if (work?.kind !== this.kind) throw invalidOption('work', `${work?.kind} is not ${this.kind}`);
    this.#checkActions(actions);
    const { beforeSynchronize, onTransition, signal } = options;
    return new Engine({
      work,
      graph: this.#graph,
      writes: this.#writes,
      actions: actions as EngineOptions['actions'],
      migrate: this.#migrate,
      beforeSynchronize,
      onTransition,
      signal,
      probe: (options as { [PROBE]?: EngineOptions['probe'] })[PROBE],
    });
  }

  #checkActions(actions: object): void {
    for (const [id, action] of Object.entries(actions ?? {})) {
      if (!this.#graph.transition(id))
        throw invalidOption(
          'actions',
          `"${id}" is not a transition; there are ${Object.keys(this.#graph.definition.transitions).join(', ')}`,
        );
      if (action !== undefined && typeof action !== 'function')
        throw invalidOption(`actions.${id}`, 'expected a function');
    }
  }
}

/** Declares a workflow. Throws MisuseError naming what is wrong: an unknown state, an ambiguous alias, a circle. */
export function defineWorkflow<
  const State extends string,
  const X extends TransitionsOf<State, X>,
  V extends z.ZodType = z.ZodType<Json>,
>(definition: {
  /** Letters, digits, dots, dashes and underscores, at most 80. */
  readonly name: string;
  /** From 1; a higher one for every change that running instances would notice. */
  readonly version: number;
  readonly states: readonly State[];
  readonly transitions: X;
  /** Fires when an instance was canceled; from states that it does not leave, a canceled instance ends where it is. */
  readonly cancel?: keyof X & string;
  /** What instances are started with. Default: any JSON object. */
  readonly variables?: V;
  /** By version: takes instances of older versions over to this one. */
  readonly migrate?: Readonly<Record<number, Migrate>>;
}): Workflow<State, X, z.output<V>> {
  return new Workflow(definition);
}

function checkJson(what: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidOption(what, 'expected a JSON object');
  return value;
}
