import type { ChildView } from './children.ts';
import type { Json } from './definition.ts';
import type { InFlight } from './record.ts';

/** What an action is given. */
export interface ActionContext<Args = Json> {
  readonly target: string;
  readonly transition: string;
  readonly args: Args;
  /** Of the state that is left. */
  readonly variables: Json;
  /** The same each time this intent is run again: give it to systems that must not do it twice. */
  readonly key: string;
  /** 1 for the first time. */
  readonly attempt: number;
  /** Aborts when the work is lost, when the instance is canceled, and when the worker is to stop. */
  readonly signal: AbortSignal;
  /** Fencing token of the work. */
  readonly token: bigint;
  /** The child that has ended, of a transition that has one. */
  readonly child?: ChildView;
}

/**
 * What a transition does outside of the database, at least once. What it returns goes into the variables. Throws
 * TransitionError when it cannot be done; all else leaves the transition in flight.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: an action may have no return at all
export type Action<Args = Json> = (context: ActionContext<Args>) => Promise<Json | void> | Json | void;

/** What a hook before synchronize sees. */
export interface Snapshot {
  readonly target: string;
  readonly version: number;
  readonly state: string | null;
  readonly variables: Json;
  readonly inFlight: InFlight | undefined;
  readonly stuck: string | undefined;
  readonly isCanceled: boolean;
}

/** A change of state that has been committed. */
export interface Transitioned {
  readonly target: string;
  readonly transition: string;
  readonly from: string | null;
  readonly to: string;
  readonly variables: Json;
}

/** Gives an instance of an older version what it has in this one; what is left out stays as it is. */
export type Migrate = (instance: Snapshot) => {
  readonly state?: string | null;
  readonly variables?: Json;
  /** Null: nothing is in flight any more. */
  readonly inFlight?: { readonly transition: string; readonly args?: Json } | null;
};
