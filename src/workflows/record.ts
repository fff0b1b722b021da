import { loadWorkflow, type WorkflowStatusRow } from '../queries/workflows.ts';
import type { Executor } from '../query/index.ts';
import type { Json, StateOrInitial } from './definition.ts';

/** A transition whose action was begun, or is about to be. */
export interface InFlight {
  readonly transition: string;
  readonly args: Json;
  /** How often its action was begun; 0: an operator lets it be run again. */
  readonly attempt: number;
}

/** An instance as its holder knows it. Nobody else changes it meanwhile, except for `wakes` and the cancel. */
export interface InstanceRecord {
  readonly version: number;
  readonly state: StateOrInitial;
  readonly variables: Json;
  readonly enteredAt: Date;
  /** How long ago the state was entered when this was read, by the database's clock. */
  readonly waitedMs: number;
  readonly inFlight: InFlight | undefined;
  readonly intents: number;
  readonly revision: bigint;
  readonly wakes: bigint;
  readonly stuck: string | undefined;
  readonly isCanceled: boolean;
  readonly cancelReason: string | undefined;
  readonly cancelIntent: number | undefined;
  readonly parent: { readonly workflow: string; readonly target: string } | undefined;
  readonly hasEnded: boolean;
  /** Of its start. */
  readonly traceContext: unknown;
}

/** Undefined: there is none. */
export async function loadRecord(
  on: Executor,
  workflow: string,
  target: string,
): Promise<InstanceRecord | undefined> {
  const row = await loadWorkflow(on, { workflow, target });
  if (!row) return undefined;
  return {
    version: Number(row.version),
    state: row.state,
    variables: row.variables as Json,
    enteredAt: row.enteredAt,
    waitedMs: Number(row.waitedMs),
    inFlight:
      row.inFlight === null
        ? undefined
        : { transition: row.inFlight, args: (row.arguments ?? {}) as Json, attempt: Number(row.attempt) },
    intents: Number(row.intents),
    revision: row.revision,
    wakes: row.wakes,
    stuck: row.stuck ?? undefined,
    isCanceled: row.canceledAt !== null,
    cancelReason: row.cancelReason ?? undefined,
    cancelIntent: row.cancelIntent === null ? undefined : Number(row.cancelIntent),
    parent:
      row.parentWorkflow === null || row.parentTarget === null
        ? undefined
        : { workflow: row.parentWorkflow, target: row.parentTarget },
    hasEnded: row.endedAt !== null,
    traceContext: row.traceContext,
  };
}

/** An instance as a status page or an operator sees it, in one snapshot. */
export interface WorkflowStatus<State extends string = string> {
  readonly workflow: string;
  readonly target: string;
  readonly version: number;
  /** Null: the initial state. */
  readonly state: StateOrInitial<State>;
  readonly variables: Json;
  /** When the state was entered. */
  readonly enteredAt: Date;
  readonly inFlight:
    | { readonly transition: string; readonly args: Json; readonly attempt: number; readonly since: Date }
    | undefined;
  /** When a worker is to look at it next; undefined: it waits for a signal, a fire, an operator, or nothing. */
  readonly dueAt: Date | undefined;
  /** Why nobody goes on with it before an operator has decided. */
  readonly stuck: string | undefined;
  /** The live session that works on it. */
  readonly sessionId: string | undefined;
  readonly canceledAt: Date | undefined;
  readonly cancelReason: string | undefined;
  readonly parent: { readonly workflow: string; readonly target: string } | undefined;
  readonly startedAt: Date;
  readonly endedAt: Date | undefined;
}

export function statusOf<State extends string = string>(row: WorkflowStatusRow): WorkflowStatus<State> {
  const { inFlight, inFlightAt, parentWorkflow, parentTarget } = row;
  return {
    workflow: row.workflow,
    target: row.target,
    version: Number(row.version),
    state: row.state as StateOrInitial<State>,
    variables: row.variables as Json,
    enteredAt: row.enteredAt,
    inFlight:
      inFlight === null
        ? undefined
        : {
            transition: inFlight,
            args: (row.arguments ?? {}) as Json,
            attempt: Number(row.attempt),
            since: inFlightAt ?? row.enteredAt,
          },
    dueAt: row.dueAt ?? undefined,
    stuck: row.stuck ?? undefined,
    sessionId: row.sessionId ?? undefined,
    canceledAt: row.canceledAt ?? undefined,
    cancelReason: row.cancelReason ?? undefined,
    parent:
      parentWorkflow === null || parentTarget === null
        ? undefined
        : { workflow: parentWorkflow, target: parentTarget },
    startedAt: row.startedAt,
    endedAt: row.endedAt ?? undefined,
  };
}
