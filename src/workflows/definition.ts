import { z } from 'zod';
import { checkOptions, invalidOption, nameSchema as name } from '../base/index.ts';
import { type Backoff, backoffSchema } from '../work/index.ts';

/** A state's name, or null for the initial state, in which every instance begins. */
export type StateOrInitial<State extends string = string> = State | null;

/** A JSON object: variables and arguments. */
export type Json = { readonly [field: string]: unknown };

/** A workflow as a transition with a `child` needs it. */
export interface ChildWorkflow {
  readonly name: string;
  readonly version: number;
}

/** What a transition with a `child` starts, and waits for. */
export interface Child {
  readonly workflow: ChildWorkflow;
  /** The child's target. Default: the parent's, a slash, and the number of the intent. */
  readonly target?: (parent: {
    readonly target: string;
    readonly args: Json;
    readonly variables: Json;
  }) => string;
  /** The variables that it is started with. Default: the arguments of the transition. */
  readonly variables?: (parent: {
    readonly target: string;
    readonly args: Json;
    readonly variables: Json;
  }) => Json;
}

/** Arguments of a transition: what its zod type gives, or any JSON object. */
export type ArgsOf<X, K extends keyof X> = X[K] extends { readonly args: infer A extends z.ZodType }
  ? z.output<A>
  : Json;

/** The names that transitions have in a field: aliases, signals. */
export type Named<X, Field extends string> = {
  [K in keyof X]: X[K] extends { readonly [F in Field]: infer N extends string } ? N : never;
}[keyof X];

/** A step from one state to another. */
export interface TransitionDefinition<State extends string = string, Id extends string = string> {
  readonly from: StateOrInitial<State> | readonly StateOrInitial<State>[];
  readonly to: State;
  /** For diagrams. Default: its id. */
  readonly label?: string;
  /** Fires by itself as soon as its state is entered. */
  readonly automatic?: boolean;
  /** Fires when the action throws TransitionError. */
  readonly error?: Id;
  /** Another name to fire it by; several transitions have the same one, each from another state. */
  readonly alias?: string;
  /** What its arguments are. Default: any JSON object. */
  readonly args?: z.ZodType;
  /**
   * How often its action is begun at most when it throws something else or its worker dies (default 10, Infinity: for
   * ever), and the backoff in between (default: the control loop's).
   */
  readonly retry?: { readonly attempts?: number; readonly backoff?: Backoff };
  /** Fires by itself when the state was entered so many milliseconds ago, by the database's clock. */
  readonly after?: { readonly ms: number };
  /** Fires by itself when this signal is there; its payload is the arguments. */
  readonly signal?: string;
  /** The variables stay, and get what the arguments and the action bring. Default: they are replaced by those. */
  readonly keepVariables?: boolean;
  /** `after` goes on counting from when the state was entered before. For transitions that end in their own state. */
  readonly keepTimers?: boolean;
  /** Starts another workflow and is in flight until that has ended; then its action runs, if there is one. */
  readonly child?: Child;
}

/** A workflow: its states, and the transitions between them. */
export interface WorkflowDefinition {
  readonly name: string;
  readonly version: number;
  readonly states: readonly string[];
  readonly transitions: Readonly<Record<string, TransitionDefinition>>;
  /** Fires when an instance was canceled; from states that it does not leave, a canceled instance ends where it is. */
  readonly cancel?: string | undefined;
  /** What the variables are that instances are started with. Default: any JSON object. */
  readonly variables?: z.ZodType | undefined;
}

const zodType = z.custom<z.ZodType>(
  (value) => typeof (value as z.ZodType)?.safeParse === 'function',
  'expected a zod type',
);
const fn = z.custom<never>((value) => typeof value === 'function', 'expected a function');

const transitionSchema = z.strictObject({
  from: z.union([name.nullable(), z.array(name.nullable()).min(1)]),
  to: name,
  label: z.string().optional(),
  automatic: z.boolean().optional(),
  error: name.optional(),
  alias: name.optional(),
  args: zodType.optional(),
  retry: z
    .strictObject({
      attempts: z.union([z.int().min(1), z.literal(Infinity)]).optional(),
      backoff: backoffSchema.optional(),
    })
    .optional(),
  after: z.strictObject({ ms: z.int().min(1) }).optional(),
  signal: name.optional(),
  keepVariables: z.boolean().optional(),
  keepTimers: z.boolean().optional(),
  child: z
    .strictObject({
      workflow: z.custom<ChildWorkflow>((value) => typeof (value as ChildWorkflow)?.name === 'string'),
      target: fn.optional(),
      variables: fn.optional(),
    })
    .optional(),
});

/** What `defineWorkflow` takes, as data. */
export const workflowSchema = z.strictObject({
  name,
  version: z.int().min(1),
  states: z.array(name).min(1).max(1_000),
  transitions: z.record(name, transitionSchema),
  cancel: name.optional(),
  variables: zodType.optional(),
});

/** How often an action is begun when nothing else is said. */
export const DEFAULT_ATTEMPTS = 10;

/** A definition that was checked, with what is asked of it again and again. */
export class Graph {
  readonly definition: WorkflowDefinition;
  /** Transitions that are the error transition of another one. */
  readonly errors: ReadonlySet<string>;
  readonly #from = new Map<string | null, string[]>();

  constructor(definition: WorkflowDefinition) {
    this.definition = definition;
    this.errors = new Set(Object.values(definition.transitions).flatMap(({ error }) => error ?? []));
    for (const [id, { from }] of Object.entries(definition.transitions))
      for (const state of sourcesOf(from)) this.#from.set(state, [...(this.#from.get(state) ?? []), id]);
  }

  transition(id: string): TransitionDefinition | undefined {
    return Object.hasOwn(this.definition.transitions, id) ? this.definition.transitions[id] : undefined;
  }

  /** Ids of the transitions that leave a state, as they were declared. */
  from(state: string | null): readonly string[] {
    return this.#from.get(state) ?? [];
  }

  allows(id: string, state: string | null): boolean {
    return this.from(state).includes(id);
  }

  automatic(state: string | null): string | undefined {
    return this.from(state).find((id) => this.transition(id)!.automatic);
  }

  /** Signals that the state waits for, and the transition of each. */
  signals(state: string | null): ReadonlyMap<string, string> {
    return new Map(
      this.from(state).flatMap((id) => {
        const { signal } = this.transition(id)!;
        return signal === undefined ? [] : [[signal, id] as const];
      }),
    );
  }

  /** Timed transitions of the state, the first to come first. */
  timers(state: string | null): readonly { readonly id: string; readonly ms: number }[] {
    return this.from(state)
      .flatMap((id) => {
        const { after } = this.transition(id)!;
        return after === undefined ? [] : [{ id, ms: after.ms }];
      })
      .sort((a, b) => a.ms - b.ms);
  }

  /** Nothing leaves it: an instance that is there has ended. */
  isFinal(state: string | null): boolean {
    return this.from(state).length === 0;
  }
}

export const sourcesOf = (from: TransitionDefinition['from']): readonly StateOrInitial[] =>
  Array.isArray(from) ? from : [from as StateOrInitial];

const stateName = (state: string | null) => (state === null ? 'the initial state' : `"${state}"`);

/** Throws MisuseError that names what cannot work. */
export function checkDefinition(given: unknown): Graph {
  const { migrate: _, ...data } = (given ?? {}) as { migrate?: unknown };
  const definition = checkOptions(workflowSchema, data) as unknown as WorkflowDefinition;
  const { states, transitions } = definition;
  const repeated = states.find((state, i) => states.indexOf(state) < i);
  if (repeated !== undefined) throw invalidOption('states', `"${repeated}" is there twice`);
  for (const [id, transition] of Object.entries(transitions)) checkTransition(definition, id, transition);
  if (definition.cancel !== undefined && !Object.hasOwn(transitions, definition.cancel))
    throw invalidOption('cancel', `"${definition.cancel}" is not a transition`);
  const graph = new Graph(definition);
  for (const state of [null, ...states]) checkEdges(graph, state);
  checkReachable(graph);
  checkAutomatic(graph);
  return graph;
}

function checkTransition(
  { states, transitions }: WorkflowDefinition,
  id: string,
  { from, to, error, automatic, after, signal, keepTimers }: TransitionDefinition,
): void {
  const at = `transitions.${id}`;
  const unknown = [...sourcesOf(from), to].find((state) => state !== null && !states.includes(state));
  if (unknown !== undefined)
    throw invalidOption(at, `"${unknown}" is not a state; there are ${states.join(', ')}`);
  if ([automatic, after, signal].filter(Boolean).length > 1)
    throw invalidOption(at, 'is one of automatic, after and signal, and no more');
  if (keepTimers && sourcesOf(from).some((state) => state !== to))
    throw invalidOption(at, 'keepTimers is for a transition that ends in its own state');
  if (error === undefined) return;
  if (!Object.hasOwn(transitions, error))
    throw invalidOption(at, `its error transition "${error}" is not a transition`);
  if (error === id) throw invalidOption(at, 'is its own error transition');
  const missing = sourcesOf(from).find((state) => !sourcesOf(transitions[error]!.from).includes(state));
  if (missing !== undefined)
    throw invalidOption(at, `its error transition "${error}" does not leave ${stateName(missing)}`);
  if (transitions[error]!.child)
    throw invalidOption(`transitions.${error}`, 'an error transition has no child');
}

function checkEdges(graph: Graph, state: string | null): void {
  const ids = graph.from(state);
  const twice = <T>(what: (id: string) => T | undefined) => {
    const seen = new Map<T, string>();
    for (const id of ids) {
      const value = what(id);
      if (value === undefined) continue;
      const other = seen.get(value);
      if (other !== undefined) return { value, ids: `"${other}" and "${id}"` };
      seen.set(value, id);
    }
    return undefined;
  };
  const of = (id: string) => graph.transition(id)!;
  const automatic = twice((id) => of(id).automatic || undefined);
  if (automatic)
    throw invalidOption('transitions', `${automatic.ids} are both automatic from ${stateName(state)}`);
  const alias = twice((id) => of(id).alias);
  if (alias)
    throw invalidOption(
      'transitions',
      `alias "${alias.value}" is ambiguous: ${alias.ids} from ${stateName(state)}`,
    );
  const signal = twice((id) => of(id).signal);
  if (signal)
    throw invalidOption(
      'transitions',
      `signal "${signal.value}" is ambiguous: ${signal.ids} from ${stateName(state)}`,
    );
  const timer = twice((id) => of(id).after?.ms);
  if (timer) throw invalidOption('transitions', `${timer.ids} are due at once in ${stateName(state)}`);
}

function checkReachable(graph: Graph): void {
  const reached = new Set<string | null>([null]);
  for (const state of reached) for (const id of graph.from(state)) reached.add(graph.transition(id)!.to);
  const missed = graph.definition.states.find((state) => !reached.has(state));
  if (missed !== undefined) throw invalidOption('states', `"${missed}" is not reached by any transition`);
}

function checkAutomatic(graph: Graph): void {
  for (const start of graph.definition.states) {
    const path = [start];
    for (let id = graph.automatic(start); id !== undefined; ) {
      const { to } = graph.transition(id)!;
      if (path.includes(to))
        throw invalidOption(
          'transitions',
          `automatic transitions go in a circle: ${[...path, to].join(', ')}`,
        );
      path.push(to);
      id = graph.automatic(to);
    }
  }
}

/** The definition without what cannot be written down. Pairs, because JSONB keeps no order of fields. */
export function publishedForm({ definition }: Graph): Json {
  const transitions = Object.entries(definition.transitions).map(([id, { args, child, retry, ...data }]) => [
    id,
    {
      ...data,
      ...(child && { child: child.workflow.name }),
      ...(retry?.attempts !== undefined && { attempts: String(retry.attempts) }),
    },
  ]);
  const { name, version, states, cancel } = definition;
  return { name, version, states, ...(cancel && { cancel }), transitions };
}
