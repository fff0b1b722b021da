import { cancelWorkflow, startWorkflows, workflowStatus } from '../queries/workflows.ts';
import type { Executor } from '../query/index.ts';
import { traceContext } from '../telemetry/index.ts';
import type { Work } from '../work/index.ts';
import type { Child, Json } from './definition.ts';
import { cancelTopic, kindOf } from './writes.ts';

/** A child workflow as its parent sees it. */
export interface ChildView {
  readonly target: string;
  readonly state: string | null;
  readonly variables: Json;
  readonly isCanceled: boolean;
  /** Undefined: it is still under way. */
  readonly endedAt: Date | undefined;
}

export async function lookAtChild(
  on: Executor,
  workflow: string,
  target: string,
): Promise<ChildView | undefined> {
  const row = await workflowStatus(on, { workflow, target });
  if (!row) return undefined;
  const { state, variables, canceledAt, endedAt } = row;
  return {
    target,
    state,
    variables: variables as Json,
    isCanceled: canceledAt !== null,
    endedAt: endedAt ?? undefined,
  };
}

/** The child of one intent: its target follows from the intent, so each run of that finds the same one. */
export function childOf(
  { workflow, target, variables }: Child,
  parent: { readonly target: string; readonly args: Json; readonly variables: Json },
  intent: number,
) {
  const childTarget = target ? target(parent) : `${parent.target}/${intent}`;
  return {
    workflow,
    target: childTarget,
    /** Starts it unless it is there, and gives how it stands. Its end wakes the parent. */
    async start(work: Work, parentWorkflow: string): Promise<ChildView> {
      const on = work.session.guarded;
      const known = await lookAtChild(on, workflow.name, childTarget);
      if (known) return known;
      const given = variables ? variables(parent) : parent.args;
      await startWorkflows(on, {
        workflow: workflow.name,
        version: BigInt(workflow.version),
        parentWorkflow,
        parentTarget: parent.target,
        targets: [childTarget],
        variables: [JSON.stringify(given)],
        keys: [childTarget],
        traceContext: traceContext(),
      });
      await work.session.transact((tx) => tx.announce(kindOf(workflow.name)));
      return (await lookAtChild(on, workflow.name, childTarget))!;
    },
    /** Asks for its end. True: it is over, or was never begun. */
    async cancel(work: Work, reason: string | undefined): Promise<boolean> {
      const on = work.session.guarded;
      const asked = await cancelWorkflow(on, {
        workflow: workflow.name,
        target: childTarget,
        reason: reason ?? null,
      });
      if (asked > 0)
        await work.session.transact((tx) => {
          tx.announce(kindOf(workflow.name));
          tx.announce(cancelTopic(workflow.name));
        });
      const child = await lookAtChild(on, workflow.name, childTarget);
      return !child || child.endedAt !== undefined;
    },
  };
}
