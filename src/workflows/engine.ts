import { checkOptions, invalidOption, jsonOf, tell, valueNamed } from '../base/index.ts';
import { countWorkflowEvent, inSpan, KIND, linksTo, TRANSITION, WORKFLOW } from '../telemetry/index.ts';
import type { Backoff, Work } from '../work/index.ts';
import type { Action, ActionContext, Migrate, Snapshot, Transitioned } from './action.ts';
import { type ChildView, childOf, lookAtChild } from './children.ts';
import { DEFAULT_ATTEMPTS, type Graph, type Json, type TransitionDefinition } from './definition.ts';
import {
  InvalidWorkflowTransitionError,
  TransitionError,
  TransitionInFlightError,
  WorkflowNotFoundError,
} from './errors.ts';
import type { InFlight, InstanceRecord } from './record.ts';
import { dueTransition, type Trigger } from './triggers.ts';
import { Turns } from './turns.ts';
import type { Change, Event, Writes } from './writes.ts';

export interface EngineOptions {
  readonly work: Work;
  readonly graph: Graph;
  readonly writes: Writes;
  readonly actions: Readonly<Record<string, Action<never> | undefined>>;
  readonly migrate?: Readonly<Record<number, Migrate>> | undefined;
  readonly beforeSynchronize?: ((instance: Snapshot) => Promise<void> | void) | undefined;
  readonly onTransition?: ((transitioned: Transitioned) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For tests: told before and after each write. */
  readonly probe?: ((when: 'before' | 'after', change: Change) => Promise<void> | void) | undefined;
}

/** The child of a transition is still under way. */
const WAITS = Symbol('waits');

/**
 * One instance that this process holds, and what becomes of it. The record is changed by nobody else meanwhile, so it is
 * read once, and each write names its revision.
 *
 *   state ──intent──▶ in flight ──action returns──▶ its destination, maybe with the next one in flight
 *                       │  │ └──action throws TransitionError──▶ error transition in flight, or the same state
 *                       │  └────throws anything else──▶ in flight still: run again by the next synchronize
 *                       └───────attempts used up, not known──▶ stuck: an operator decides
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #graph: Graph;
  readonly #turns: Turns;
  readonly #cancel = new AbortController();
  #record: InstanceRecord | undefined;
  /** Of the signal that set off what runs. */
  #signalContext: unknown;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#graph = options.graph;
    this.#turns = new Turns(() => {
      const transition = this.#record?.inFlight?.transition ?? 'synchronize';
      return new TransitionInFlightError(this.#name, this.work.target, transition);
    });
  }

  get work(): Work {
    return this.#options.work;
  }

  get isLoaded(): boolean {
    return this.#record !== undefined;
  }

  /** The work is lost, or its worker is to stop. */
  get stops(): boolean {
    return this.work.signal.aborted || this.#options.signal?.aborted === true;
  }

  /** Between attempts of what is in flight, where it is declared. */
  get backoff(): Backoff | undefined {
    const { inFlight } = this.#now;
    return inFlight && this.#graph.transition(inFlight.transition)?.retry?.backoff;
  }

  get #name(): string {
    return this.#graph.definition.name;
  }

  get #now(): InstanceRecord {
    return this.#record!;
  }

  get snapshot(): Snapshot {
    const { version, state, variables, inFlight, stuck, isCanceled } = this.#now;
    return { target: this.work.target, version, state, variables, inFlight, stuck, isCanceled };
  }

  /** Reads it. Throws WorkflowNotFoundError. */
  async load(): Promise<void> {
    const record = await this.#options.writes.load(this.work);
    if (!record) throw new WorkflowNotFoundError(this.#name, this.work.target);
    this.#record = record;
  }

  /** It was asked to end: the action that runs is told. */
  cancel(reason: string | undefined): void {
    if (this.#record) this.#record = { ...this.#record, isCanceled: true, cancelReason: reason };
    this.#cancel.abort(new TransitionError(`canceled${reason === undefined ? '' : `: ${reason}`}`));
  }

  /** Runs `body` with no other fire in between. */
  alone<T>(body: () => Promise<T> | T): Promise<T> {
    return this.#turns.take(() => this.#turns.within('alone', body));
  }

  /** False: an action said that it cannot be done. */
  fire(id: string, args: Json = {}, from?: string | null): Promise<boolean> {
    return this.#turns.take(async () => {
      const { state } = this.#now;
      this.#assertReady();
      const transition = this.#graph.transition(id);
      if (!transition)
        throw this.#invalid(
          `"${id}" is not a transition; there are ${Object.keys(this.#graph.definition.transitions).join(', ')}`,
        );
      if (from !== undefined && from !== state) throw this.#invalid(`${id} was to be fired from ${from}`);
      if (!this.#graph.allows(id, state)) throw this.#invalid(`${id} does not leave it`);
      return this.#begin({ id, args: checkArguments(id, transition, args) });
    });
  }

  fireAlias(alias: string, args?: Json): Promise<boolean> {
    return this.#turns.take(async () => {
      this.#assertReady();
      const id = this.#graph
        .from(this.#now.state)
        .find((one) => this.#graph.transition(one)!.alias === alias);
      if (id === undefined) throw this.#invalid(`no transition with the alias ${alias} leaves it`);
      return this.#turns.within('alone', () => this.fire(id, args));
    });
  }

  transitionTo(state: string, args?: Json): Promise<boolean> {
    return this.#turns.take(async () => {
      this.#assertReady();
      const id = this.#graph.from(this.#now.state).find((one) => this.#graph.transition(one)!.to === state);
      return id === undefined ? false : this.#turns.within('alone', () => this.fire(id, args));
    });
  }

  /**
   * What a worker does first: goes over to this version, carries a cancel out, runs what is in flight again, or fires what
   * is due. True: nothing is in flight, and no action said that it cannot be done.
   */
  synchronize(release = false): Promise<boolean> {
    return this.#turns.take(async () => {
      await this.load();
      if (this.#now.hasEnded) return this.#rest(release);
      if (!(await this.#isOfThisVersion())) return false;
      await this.#turns.within('action', () => this.#options.beforeSynchronize?.(this.snapshot));
      if (this.#isCancelDue) return this.#carryCancelOut(release);
      const { inFlight, stuck } = this.#now;
      if (stuck !== undefined) {
        await this.#rest(release);
        return false;
      }
      if (inFlight) return this.#again(inFlight, release);
      const trigger = await dueTransition(this.#graph, this.work, this.#now);
      return trigger ? this.#begin(trigger, release) : this.#rest(release);
    });
  }

  /** Gives it back; what it waits for is written down. */
  end(): Promise<void> {
    return this.#turns.take(async () => {
      if (!this.work.ended) await this.#rest(true);
    });
  }

  /** Marks what is in flight as stuck, once its attempts are used up. False: they are not. */
  async giveUp(message: string): Promise<boolean> {
    const { inFlight } = this.#now;
    if (!inFlight || inFlight.attempt < this.#attemptsOf(inFlight.transition)) return false;
    await this.#stick(`${inFlight.transition} was begun ${times(inFlight.attempt)}: ${message}`, true);
    return true;
  }

  /** Throws unless a transition can be fired now. */
  #assertReady(): void {
    const { inFlight, version, hasEnded } = this.#now;
    if (inFlight) throw new TransitionInFlightError(this.#name, this.work.target, inFlight.transition);
    if (hasEnded) throw this.#invalid('it has ended');
    if (version !== this.#graph.definition.version)
      throw this.#invalid(`it is of version ${version}: synchronize it first`);
  }

  #invalid(why: string): InvalidWorkflowTransitionError {
    return new InvalidWorkflowTransitionError(
      this.#name,
      this.work.target,
      this.#now.state ?? undefined,
      why,
    );
  }

  #attemptsOf(id: string): number {
    return this.#graph.transition(id)?.retry?.attempts ?? DEFAULT_ATTEMPTS;
  }

  get #isCancelDue(): boolean {
    const { isCanceled, cancelIntent, hasEnded } = this.#now;
    return isCanceled && cancelIntent === undefined && !hasEnded;
  }

  async #write(change: Change, release: boolean): Promise<void> {
    const { writes, probe } = this.#options;
    await probe?.('before', change);
    await writes.write(this.work, this.#now, change, release);
    this.#record = {
      ...change.record,
      revision: this.#now.revision + 1n,
      // A cancel may have been heard of while it was written.
      isCanceled: this.#now.isCanceled,
      cancelReason: this.#now.cancelReason,
    };
    for (const { event, transition } of change.events) countWorkflowEvent(this.#name, event, transition);
    await probe?.('after', change);
  }

  /** Writes an intent, and carries it out. */
  async #begin({ id, args, consumed, traceContext }: Trigger, release = false): Promise<boolean> {
    this.#signalContext = traceContext;
    const { record, event } = this.#intent(this.#now, id, args);
    await this.#write(
      { record, enters: false, changesVariables: false, due: 'now', consumed, events: [event] },
      false,
    );
    return this.#carryOut(release);
  }

  #intent(record: InstanceRecord, id: string, args: Json): { record: InstanceRecord; event: Event } {
    const intent = record.intents + 1;
    return {
      record: {
        ...record,
        inFlight: { transition: id, args, attempt: 1 },
        intents: intent,
        stuck: undefined,
      },
      event: { event: 'fired', intent, attempt: 1, transition: id, state: record.state, data: args },
    };
  }

  /** Runs what a worker before, or an attempt before, has left in flight. */
  async #again(inFlight: InFlight, release: boolean): Promise<boolean> {
    const { transition: id, args, attempt } = inFlight;
    const transition = this.#graph.transition(id);
    if (!transition || !this.#graph.allows(id, this.#now.state)) {
      const { version } = this.#graph.definition;
      await this.#stick(`${id} is in flight, and version ${version} has no such transition here`, release);
      return false;
    }
    // A child that is waited for is looked at: that is no attempt.
    if (transition.child && !(await this.#childHasEnded(transition, inFlight)))
      return this.#carryOut(release);
    if (attempt >= this.#attemptsOf(id)) {
      await this.#stick(`${id} was begun ${times(attempt)}, and has not ended`, release);
      return false;
    }
    const { intents: intent, state } = this.#now;
    const record = { ...this.#now, inFlight: { ...inFlight, attempt: attempt + 1 } };
    const event: Event = { event: 'fired', intent, attempt: attempt + 1, transition: id, state, data: args };
    await this.#write({ record, enters: false, changesVariables: false, due: 'now', events: [event] }, false);
    return this.#carryOut(release);
  }

  /** From an intent that is written until nothing is in flight, with all that follows automatically. */
  async #carryOut(release: boolean): Promise<boolean> {
    let first: boolean | undefined;
    for (;;) {
      const inFlight = this.#now.inFlight!;
      const { transition: id } = inFlight;
      const transition = this.#graph.transition(id)!;
      const from = this.#now.state;
      let result: Json | undefined | typeof WAITS;
      let failure: string | undefined;
      try {
        result = await inSpan(
          `transition ${id}`,
          { [KIND]: this.work.kind, [WORKFLOW]: this.#name, [TRANSITION]: id },
          () => this.#act(transition, inFlight),
          () => linksTo(this.#now.traceContext, this.#signalContext),
        );
      } catch (error) {
        if (this.#cancel.signal.aborted && this.#isCancelDue && !this.work.signal.aborted)
          failure = messageOf(this.#cancel.signal.reason);
        else if (error instanceof TransitionError && (transition.error || !this.#graph.errors.has(id)))
          failure = error.message.replaceAll('\0', ' ');
        else throw error;
      }
      if (result === WAITS) {
        await this.#rest(release, true);
        return first ?? true;
      }
      first ??= failure === undefined;
      const more =
        failure === undefined
          ? await this.#done(inFlight, transition, result ?? {}, release)
          : await this.#failed(inFlight, transition, failure, release);
      if (failure === undefined) {
        const { variables } = this.#now;
        const said = { target: this.work.target, transition: id, from, to: transition.to, variables };
        tell(() => this.#options.onTransition?.(said));
      }
      if (!more) return first;
    }
  }

  async #act(transition: TransitionDefinition, inFlight: InFlight): Promise<Json | undefined | typeof WAITS> {
    const { work, actions, signal } = this.#options;
    const { transition: id, args, attempt } = inFlight;
    const { variables, intents } = this.#now;
    let child: ChildView | undefined;
    if (transition.child) {
      child = await this.#startChild(transition, inFlight);
      if (!child.endedAt) return WAITS;
    }
    const action = valueNamed(actions, id);
    if (!action && child?.isCanceled) throw new TransitionError(`its child ${child.target} was canceled`);
    if (!action) return undefined;
    // The cancel transition itself, and what follows from it, are not canceled.
    const cancel = this.#now.cancelIntent === undefined ? [this.#cancel.signal] : [];
    let composed: AbortSignal | undefined;
    const context: ActionContext<never> = {
      target: work.target,
      transition: id,
      args: args as never,
      variables,
      key: `${this.#name}/${work.target}/${intents}`,
      attempt,
      // Made when it is asked for: most short actions never look at it.
      get signal() {
        composed ??= AbortSignal.any([work.signal, ...cancel, ...(signal ? [signal] : [])]);
        return composed;
      },
      token: work.token,
      ...(child && { child }),
    };
    const result = await this.#turns.within('action', () => action(context));
    if (result !== undefined && (typeof result !== 'object' || result === null || Array.isArray(result)))
      throw invalidOption(`actions.${id}`, 'expected a JSON object, or nothing, from the action');
    if (result !== undefined) jsonOf(`actions.${id}`, result);
    return result as Json | undefined;
  }

  #child(transition: TransitionDefinition, { args }: InFlight) {
    const { intents, variables } = this.#now;
    return childOf(transition.child!, { target: this.work.target, args, variables }, intents);
  }

  async #childHasEnded(transition: TransitionDefinition, inFlight: InFlight): Promise<boolean> {
    const { workflow, target } = this.#child(transition, inFlight);
    return (await lookAtChild(this.work.session.guarded, workflow.name, target))?.endedAt !== undefined;
  }

  async #startChild(transition: TransitionDefinition, inFlight: InFlight): Promise<ChildView> {
    const child = this.#child(transition, inFlight);
    return child.start(this.work, this.#name);
  }

  /** The destination, with the next transition in flight if there is one. Gives whether there is. */
  #done(
    { transition: id, attempt, args }: InFlight,
    transition: TransitionDefinition,
    result: Json,
    release: boolean,
  ): Promise<boolean> {
    const now = this.#now;
    const variables = { ...(transition.keepVariables ? now.variables : {}), ...args, ...result };
    const keepsTimer = transition.keepTimers === true;
    const record: InstanceRecord = {
      ...now,
      state: transition.to,
      variables,
      inFlight: undefined,
      ...(keepsTimer ? {} : { waitedMs: 0, enteredAt: new Date() }),
    };
    const outcome: Event = {
      event: 'done',
      intent: now.intents,
      attempt,
      transition: id,
      state: transition.to,
      data: variables,
    };
    return this.#goOn(record, outcome, { enters: !keepsTimer, changesVariables: true }, release);
  }

  #failed(
    { transition: id, attempt }: InFlight,
    transition: TransitionDefinition,
    message: string,
    release: boolean,
  ): Promise<boolean> {
    const now = this.#now;
    const outcome: Event = {
      event: 'failed',
      intent: now.intents,
      attempt,
      transition: id,
      state: now.state,
      message,
    };
    const record = { ...now, inFlight: undefined };
    // What fires by time and cannot be done is tried again after as much time.
    const how = { enters: transition.after !== undefined, changesVariables: false };
    const next = this.#isCancelDue ? undefined : transition.error;
    return this.#goOn(record, outcome, how, release, next === undefined ? undefined : { id: next, args: {} });
  }

  /**
   * One write: an outcome, and the next intent if something follows: the cancel, what is given, or the automatic
   * transition of a state that was entered. Else the instance has ended, or waits.
   */
  async #goOn(
    record: InstanceRecord,
    outcome: Event | undefined,
    how: { readonly enters: boolean; readonly changesVariables: boolean },
    release: boolean,
    given?: { readonly id: string; readonly args: Json },
  ): Promise<boolean> {
    const events = outcome ? [outcome] : [];
    const cancels = this.#isCancelDue;
    const automatic = how.changesVariables ? this.#graph.automatic(record.state) : undefined;
    const { cancel } = this.#graph.definition;
    const id = cancels
      ? cancel !== undefined && this.#graph.allows(cancel, record.state)
        ? cancel
        : undefined
      : (given?.id ?? automatic);
    if (id !== undefined) {
      const next = this.#intent(record, id, given?.args ?? {});
      const cancelIntent = cancels ? next.record.intents : record.cancelIntent;
      const events_ = [...events, next.event];
      await this.#write(
        { ...how, record: { ...next.record, cancelIntent }, due: 'now', events: events_ },
        false,
      );
      return true;
    }
    if (cancels || this.#graph.isFinal(record.state)) {
      const { intents: intent, state, cancelReason } = record;
      const ended: Event = {
        event: 'ended',
        intent,
        attempt: 0,
        state,
        ...(cancels && { message: `canceled${cancelReason === undefined ? '' : `: ${cancelReason}`}` }),
      };
      const cancelIntent = cancels ? intent : record.cancelIntent;
      const last = { ...record, hasEnded: true, cancelIntent };
      await this.#write({ ...how, record: last, due: 'never', events: [...events, ended] }, release);
      return false;
    }
    await this.#write({ ...how, ...this.#waiting(record, false), events }, release);
    return false;
  }

  /** What a record waits for: a child or an operator (then something wakes it), a signal, a time. */
  #waiting(
    record: InstanceRecord,
    forChild: boolean,
  ): Pick<Change, 'record' | 'due' | 'afterMs' | 'signals'> {
    if (record.stuck !== undefined || forChild) return { record, due: 'rest' };
    if (record.inFlight) return { record, due: 'now' };
    return {
      record,
      due: 'rest',
      afterMs: this.#graph.timers(record.state)[0]?.ms,
      signals: [...this.#graph.signals(record.state).keys()],
    };
  }

  /** Nothing is to be done now. */
  async #rest(release: boolean, forChild = false): Promise<boolean> {
    const record = this.#now;
    if (record.hasEnded) {
      if (release) await this.work.finish();
    } else if (!record.inFlight && this.#graph.isFinal(record.state)) {
      await this.#goOn(record, undefined, { enters: false, changesVariables: false }, release);
    } else {
      const change = {
        ...this.#waiting(record, forChild),
        enters: false,
        changesVariables: false,
        events: [],
      };
      await this.#write(change, release);
    }
    return true;
  }

  async #stick(why: string, release: boolean): Promise<void> {
    const { inFlight, intents: intent, state } = this.#now;
    const event: Event = {
      event: 'stuck',
      intent,
      attempt: inFlight?.attempt ?? 0,
      transition: inFlight?.transition,
      state,
      message: why,
    };
    const record = { ...this.#now, stuck: why };
    await this.#write(
      { record, enters: false, changesVariables: false, due: 'rest', events: [event] },
      release,
    );
  }

  /** Ends what is in flight without running it again, and fires the cancel transition. */
  async #carryCancelOut(release: boolean): Promise<boolean> {
    const now = this.#now;
    const { inFlight, intents: intent, state, cancelReason } = now;
    const transition = inFlight && this.#graph.transition(inFlight.transition);
    if (transition?.child && !(await this.#childIsOver(transition, inFlight!, cancelReason)))
      return this.#rest(release, true);
    const why = `canceled${cancelReason === undefined ? '' : `: ${cancelReason}`}`;
    const outcome: Event | undefined = inFlight && {
      event: 'failed',
      intent,
      attempt: inFlight.attempt,
      transition: inFlight.transition,
      state,
      message: why,
    };
    const record = { ...now, inFlight: undefined, stuck: undefined };
    const more = await this.#goOn(record, outcome, { enters: false, changesVariables: false }, release);
    return more ? this.#carryOut(release) : true;
  }

  async #childIsOver(
    transition: TransitionDefinition,
    inFlight: InFlight,
    reason: string | undefined,
  ): Promise<boolean> {
    const child = this.#child(transition, inFlight);
    return child.cancel(this.work, reason);
  }

  /** Takes an instance of an older version over to this one. False: it is stuck. */
  async #isOfThisVersion(): Promise<boolean> {
    const now = this.#now;
    const { version } = this.#graph.definition;
    if (now.version === version) return true;
    const migrate = this.#options.migrate?.[now.version];
    if (!migrate)
      throw invalidOption('work', `${this.work.target} is of version ${now.version}, and this is ${version}`);
    const given = await this.#turns.within('action', () => migrate(this.snapshot));
    const state = given.state === undefined ? now.state : given.state;
    if (state !== null && !this.#graph.definition.states.includes(state))
      throw invalidOption(
        `migrate.${now.version}`,
        `gave "${state}", which is not a state of version ${version}`,
      );
    const inFlight =
      given.inFlight === undefined
        ? now.inFlight
        : given.inFlight === null
          ? undefined
          : { transition: given.inFlight.transition, args: given.inFlight.args ?? {}, attempt: 0 };
    const variables = given.variables ?? now.variables;
    const record = { ...now, version, state, inFlight, variables };
    const event: Event = { event: 'migrated', intent: now.intents, attempt: 0, state, data: variables };
    await this.#write({ record, enters: false, changesVariables: true, due: 'now', events: [event] }, false);
    return true;
  }
}

function checkArguments(id: string, { args: schema }: TransitionDefinition, args: unknown): Json {
  if (schema) return checkOptions(schema, args) as Json;
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    throw invalidOption(`arguments of ${id}`, 'expected a JSON object');
  return args as Json;
}

export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll('\0', ' ').slice(0, 2_000);

const times = (count: number) => (count === 1 ? 'once' : `${count} times`);
