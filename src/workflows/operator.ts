import { checkText, invalidOption, isText } from '../base/index.ts';
import { reading, type Transacts, WRITE_WITHIN_MS } from '../client/index.ts';
import { lockWork, releaseQuarantine } from '../queries/work.ts';
import {
  cancelWorkflow,
  workflowHistory as historyQuery,
  knownWorkflows,
  listWorkflows,
  publishedWorkflow,
  resolveWorkflow as resolveQuery,
  workflowStatus as statusQuery,
  workflowExists,
} from '../queries/workflows.ts';
import type { Executor } from '../query/index.ts';
import type { Transaction } from '../transact/index.ts';
import type { Json } from './definition.ts';
import type { Drawn } from './diagram.ts';
import { WorkflowHeldError, WorkflowNotFoundError } from './errors.ts';
import { statusOf, type WorkflowStatus } from './record.ts';
import { cancelTopic, kindOf } from './writes.ts';

/** What happened to an instance. */
export interface WorkflowEvent {
  /** Number of the transition that it is about, among those of the instance; 0: before the first. */
  readonly intent: number;
  readonly attempt: number;
  readonly event: string;
  readonly at: Date;
  readonly transition: string | undefined;
  /** The state afterwards; null: the initial state. */
  readonly state: string | null;
  /** Arguments of what was fired; else the variables afterwards. */
  readonly data: Json | undefined;
  readonly message: string | undefined;
}

/** Which instances `list` gives; what is not given does not matter. */
export interface WorkflowFilter<State extends string = string> {
  readonly state?: State | undefined;
  readonly version?: number | undefined;
  /** True: those alone that wait for an operator. */
  readonly stuck?: boolean | undefined;
  readonly ended?: boolean | undefined;
}

/**
 * What an operator decides about an instance: `retry` runs what is in flight again, with all its attempts; `skip` gives it
 * up, the state stays; `force` gives it up and sets the state.
 */
export type Resolution<State extends string = string> = 'retry' | 'skip' | { readonly force: State };

const PAGE = 500;

/** One snapshot of an instance; undefined: there is none. */
export async function workflowStatus(
  on: Executor,
  workflow: string,
  target: string,
): Promise<WorkflowStatus | undefined> {
  const row = await statusQuery(reading(on), { workflow, target });
  return row && statusOf(row);
}

/** Instances in the order of their targets, page by page. */
export async function* listInstances(
  on: Executor,
  workflow: string,
  filter: WorkflowFilter = {},
): AsyncGenerator<WorkflowStatus> {
  const { state = null, version, stuck = null, ended = null } = filter;
  for (let afterTarget = ''; ; ) {
    const rows = await listWorkflows(reading(on), {
      workflow,
      afterTarget,
      state,
      version: version === undefined ? null : BigInt(version),
      stuck,
      ended,
      page: BigInt(PAGE),
    });
    for (const row of rows) yield statusOf(row);
    if (rows.length < PAGE) return;
    afterTarget = rows.at(-1)!.target;
  }
}

/** Everything that happened to an instance, oldest first; empty: there is none. */
export async function workflowHistory(
  on: Executor,
  workflow: string,
  target: string,
): Promise<WorkflowEvent[]> {
  const rows = await historyQuery(reading(on), { workflow, target });
  return rows.map(({ intent, attempt, transition, data, message, ...rest }) => ({
    ...rest,
    intent: Number(intent),
    attempt: Number(attempt),
    transition: transition ?? undefined,
    data: (data ?? undefined) as Json | undefined,
    message: message ?? undefined,
  }));
}

/** Names of the workflows that the database knows. Reads all instances. */
export async function workflowNames(on: Executor): Promise<string[]> {
  return (await knownWorkflows(reading(on))).map(({ workflow }) => workflow);
}

/** A definition as its program wrote it down, the newest version unless one is given; undefined: none did. */
export async function publishedDefinition(
  on: Executor,
  workflow: string,
  version?: number,
): Promise<(Drawn & { readonly version: number }) | undefined> {
  const asked = version === undefined ? null : BigInt(version);
  const row = await publishedWorkflow(reading(on), { workflow, version: asked });
  if (!row) return undefined;
  const written = row.definition as { readonly version: number; readonly transitions: [string, never][] };
  return {
    ...(written as never as Drawn),
    version: written.version,
    transitions: Object.fromEntries(written.transitions),
  };
}

/**
 * Carries an operator's decision out; `cause` stays in the history. Throws WorkflowNotFoundError, WorkflowHeldError while a
 * live session works on it, MisuseError for what does not fit, and as `transact`; then nothing was changed.
 */
export async function resolveWorkflow(
  on: Transacts,
  workflow: string,
  target: string,
  resolution: Resolution,
  cause: string,
): Promise<void> {
  if (!isText(cause)) throw invalidOption('cause', 'expected a text without zero bytes');
  const how = typeof resolution === 'object' ? 'forced' : resolution === 'retry' ? 'retried' : 'skipped';
  const state = typeof resolution === 'object' ? resolution.force : null;
  const kind = kindOf(workflow);
  await on.transact(
    async (tx: Transaction) => {
      const status = await statusQuery(tx, { workflow, target });
      if (!status) throw new WorkflowNotFoundError(workflow, target);
      // What kept it from being claimed is forgotten, and a dead holder loses it.
      await releaseQuarantine(tx, { kind, target, cause });
      const [lock] = await lockWork(tx, { target, kinds: [kind] });
      if (lock!.holder !== null) throw new WorkflowHeldError(workflow, target, lock!.holder);
      if ((await resolveQuery(tx, { workflow, target, how, state, cause })) === 0)
        throw invalidOption(
          'resolution',
          how === 'skipped' ? `nothing is in flight for ${target}` : `${target} has ended: force a state`,
        );
      tx.announce(kind);
    },
    { name: `resolve ${workflow}`, deadlineMs: WRITE_WITHIN_MS },
  );
}

/** As `workflow.cancel`, for operators who have no declaration of the workflow. */
export async function cancelInstance(
  on: Transacts,
  workflow: string,
  target: string,
  reason?: string,
): Promise<boolean> {
  if (reason !== undefined && !isText(reason))
    throw invalidOption('reason', 'expected a text without zero bytes');
  return on.transact(
    async (tx) => {
      const named = { workflow, target: checkText('target', target) };
      const asked = await cancelWorkflow(tx, { ...named, reason: reason ?? null });
      if (asked > 0) {
        tx.announce(kindOf(workflow));
        tx.announce(cancelTopic(workflow));
      } else if (!(await workflowExists(tx, named)).found) throw new WorkflowNotFoundError(workflow, target);
      return asked > 0;
    },
    { name: `cancel ${workflow}`, deadlineMs: WRITE_WITHIN_MS },
  );
}
