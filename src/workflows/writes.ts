import {
  type ClaimDueWorkflowParams,
  claimDueWorkflow,
  type WriteWorkflowParams,
  wakeWorkflow,
  writeWorkflow,
} from '../queries/workflows.ts';
import { claim, exec, finish, step } from '../query/index.ts';
import { answerIsLost, persistently, type Work } from '../work/index.ts';
import type { Json } from './definition.ts';
import { type InstanceRecord, loadRecord } from './record.ts';

/** The kind of work that instances of a workflow are. */
export const kindOf = (workflow: string) => `workflow:${workflow}`;
/** Announced when an instance is canceled, for those who hold it. */
export const cancelTopic = (workflow: string) => `${kindOf(workflow)} canceled`;

/** One line of the history. */
export interface Event {
  readonly event: 'fired' | 'done' | 'failed' | 'stuck' | 'ended' | 'migrated';
  readonly intent: number;
  readonly attempt: number;
  readonly transition?: string | undefined;
  readonly state?: string | null | undefined;
  readonly data?: Json | undefined;
  readonly message?: string | undefined;
}

/** What a holder writes: the record as it is afterwards, and what happened. */
export interface Change {
  readonly record: InstanceRecord;
  /** The state was entered now. */
  readonly enters: boolean;
  readonly changesVariables: boolean;
  /** `rest`: nothing is to be done until something wakes it or its timer is over. */
  readonly due: 'now' | 'rest' | 'never';
  readonly afterMs?: number | undefined;
  readonly signals?: readonly string[] | undefined;
  readonly consumed?: { readonly name: string; readonly key: string } | undefined;
  readonly events: readonly Event[];
}

/** What the session fills in; the rest is the author's, and `targets`. */
const OF_THE_WRAPPER = new Set(['sessionId', 'keyKinds', 'keyTargets', 'keyTokens', 'refusal']);

/** The statements of one workflow: those of workflows.sql with its own kind in them. */
export class Writes {
  readonly workflow: string;
  readonly claim;
  readonly #step;
  readonly #finish;
  readonly #plain;

  constructor(workflow: string) {
    this.workflow = workflow;
    const kind = kindOf(workflow);
    const { definition } = writeWorkflow;
    const { name, text = '' } = definition;
    this.claim = claim<ClaimDueWorkflowParams>({ ...claimDueWorkflow.definition, kind });
    this.#step = step<WriteWorkflowParams>({ ...definition, kind });
    this.#finish = finish<WriteWorkflowParams>({ ...definition, kind });
    this.#plain = exec<WriteWorkflowParams & { readonly targets: readonly string[] }>({
      name,
      text,
      operation: 'INSERT',
      collection: 'holdfast.workflow_history',
      params: definition.params.filter(([field]) => !OF_THE_WRAPPER.has(field)),
      columns: [],
    });
  }

  load(work: Work): Promise<InstanceRecord | undefined> {
    return loadRecord(work.session.guarded, this.workflow, work.target);
  }

  /** Writes, and gives the work up with `release`: one statement, one round trip, unless a parent waits for the end. */
  async write(work: Work, before: InstanceRecord, change: Change, release: boolean): Promise<void> {
    const params = this.#params(before, change);
    const { parent, hasEnded } = change.record;
    if (hasEnded && !before.hasEnded && parent) {
      const body = async (tx: Parameters<Parameters<Work['transact']>[0]>[0]) => {
        await this.#plain(tx, { ...params, targets: [work.target] });
        await wakeWorkflow(tx, parent);
        tx.announce(kindOf(parent.workflow));
      };
      await (release ? work.finish(body) : work.transact(body, { idempotent: true }));
    } else if (release) await work.finish(this.#finish.with(params));
    else await this.#stepped(work, before, params);
  }

  /** A step whose answer was lost is looked up, and sent again while it was not carried out. */
  async #stepped(work: Work, before: InstanceRecord, params: WriteWorkflowParams): Promise<void> {
    try {
      await work.step(this.#step.with(params));
    } catch (lost) {
      if (!answerIsLost(lost)) throw lost;
      await persistently(
        work.session.guarded,
        async () => {
          // Only this holder raises it, and each write names the one that it read.
          if ((await this.load(work))?.revision !== before.revision) return;
          await work.step(this.#step.with(params));
        },
        () => lost,
      );
    }
  }

  #params(
    before: InstanceRecord,
    { record, enters, changesVariables, due, afterMs, signals = [], consumed, events }: Change,
  ): WriteWorkflowParams {
    const { inFlight, cancelIntent } = record;
    const json = (value: Json | undefined) => (value === undefined ? '' : JSON.stringify(value));
    return {
      workflow: this.workflow,
      version: BigInt(record.version),
      state: record.state,
      variables: changesVariables ? record.variables : null,
      enters,
      inFlight: inFlight?.transition ?? null,
      arguments: inFlight?.args ?? null,
      attempt: BigInt(inFlight?.attempt ?? 0),
      intents: BigInt(record.intents),
      revision: before.revision,
      wakes: before.wakes,
      stuck: record.stuck ?? null,
      cancelIntent: cancelIntent === undefined ? null : BigInt(cancelIntent),
      due,
      afterMs: afterMs === undefined ? null : BigInt(afterMs),
      signals: [...signals],
      ends: record.hasEnded,
      signalName: consumed?.name ?? '',
      signalKey: consumed?.key ?? '',
      eventIntents: events.map(({ intent }) => BigInt(intent)),
      eventAttempts: events.map(({ attempt }) => BigInt(attempt)),
      events: events.map(({ event }) => event),
      eventTransitions: events.map(({ transition = '' }) => transition),
      eventStates: events.map(({ state }) => state ?? ''),
      eventData: events.map(({ data }) => json(data)),
      eventMessages: events.map(({ message = '' }) => message),
    };
  }
}
