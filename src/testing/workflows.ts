import { invalidOption } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import { ageWorkflow, workflowIsDue } from '../queries/workflows.ts';
import type { Executor } from '../query/index.ts';
import type { Session } from '../work/index.ts';
import type { Action, Actions, AnyWorkflow, RunOptions, Workflow } from '../workflows/index.ts';
import { runProbed } from '../workflows/workflow.ts';

/** A program's workflow, run again and again to see whether it bears being interrupted. */
export interface WorkflowTrial<W extends AnyWorkflow> {
  readonly db: Database;
  readonly workflow: W;
  readonly actions: W extends Workflow<infer _S, infer X, infer _V> ? Actions<X> : never;
  /** Starts the instance of one run, and what it works on. */
  readonly start: (target: string) => Promise<unknown>;
  /** Whether all is as it should be after that run. Throws if it is not. */
  readonly check: (target: string) => Promise<unknown> | unknown;
  /** Begins the targets' names. Default: the workflow's name. */
  readonly prefix?: string;
}

/** What the helpers throw. */
class Interrupted extends Error {}

/** A worker that can die: its session goes away with what it holds. */
class Victim {
  session: Session | undefined;

  async die(where: string): Promise<never> {
    await this.session?.close();
    throw new Interrupted(where);
  }
}

/** The same actions, each of which runs twice with the same key: shows what is done twice that must be done once. */
export function runActionsTwice<A extends object>(actions: A): A {
  return wrapped(actions, async (action, context) => {
    await Promise.allSettled([(async () => action(context))()]);
    return action(context);
  });
}

/**
 * Runs the workflow once for each of its actions, which is cut off there after it was carried out, as if its worker had
 * died; another worker goes on, until nothing is due, and `check` looks. Gives how many actions that were.
 */
export async function failAtEveryAction<W extends AnyWorkflow>(trial: WorkflowTrial<W>): Promise<number> {
  for (let at = 1; ; at++) {
    const target = `${trial.prefix ?? trial.workflow.name}-action-${at}`;
    let count = 0;
    const victim = new Victim();
    const failing = wrapped(trial.actions as object, async (action, context) => {
      const [result] = await Promise.allSettled([(async () => action(context))()]);
      if (++count === at) await victim.die(`at action ${at}`);
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    await trial.start(target);
    await drive(trial.db, trial.workflow, target, failing, victim);
    await trial.check(target);
    if (count < at) return at - 1;
  }
}

/**
 * Runs the workflow twice for each of its writes: the worker dies just before, and just after. Another one goes on until
 * nothing is due, and `check` looks. Gives how many writes that were.
 */
export async function killAtEveryStep<W extends AnyWorkflow>(trial: WorkflowTrial<W>): Promise<number> {
  for (let at = 1; ; at++) {
    let reached = false;
    for (const when of ['before', 'after'] as const) {
      const target = `${trial.prefix ?? trial.workflow.name}-${when}-${at}`;
      let count = 0;
      const victim = new Victim();
      await trial.start(target);
      await drive(trial.db, trial.workflow, target, trial.actions as object, victim, async (now) => {
        if (now !== when || ++count !== at) return;
        reached = true;
        await victim.die(`${when} write ${at}`);
      });
      await trial.check(target);
    }
    if (!reached) return at - 1;
  }
}

/**
 * Makes an instance older by so many milliseconds, as if it had been in its state for so much longer: the database's clock
 * is not for tests to set. Throws MisuseError when there is no such instance.
 */
export async function ageInstance(
  on: Executor,
  workflow: AnyWorkflow,
  target: string,
  ms: number,
): Promise<void> {
  const aged = await ageWorkflow(on, { workflow: workflow.name, target, ms: BigInt(Math.ceil(ms)) });
  if (Number(aged) === 0) throw invalidOption('target', `there is no ${workflow.name} of ${target}`);
}

/** Works on one instance until nothing is due now: for tests without a control loop. Throws what `workflow.run` throws. */
export function runUntilQuiet<W extends AnyWorkflow>(
  db: Database,
  workflow: W,
  target: string,
  actions: W extends Workflow<infer _S, infer X, infer _V> ? Actions<X> : never,
  options: RunOptions = {},
): Promise<void> {
  return drive(db, workflow, target, actions, new Victim(), undefined, options);
}

async function drive(
  db: Database,
  workflow: AnyWorkflow,
  target: string,
  actions: object,
  victim: Victim,
  probe?: (when: 'before' | 'after') => Promise<void>,
  options: RunOptions = {},
): Promise<void> {
  while ((await workflowIsDue(db, { workflow: workflow.name, target })).isDue) {
    await using session = await db.startSession({ component: 'workflow trial' });
    victim.session = session;
    const [work] = await session.claim({ kind: workflow.kind, candidates: () => [target] });
    if (!work)
      throw invalidOption('target', `${target} is due, and somebody else holds it or it is kept back`);
    try {
      await runProbed(workflow, work, actions as never, options, probe);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    }
  }
}

function wrapped<A extends object>(
  actions: A,
  run: (action: Action<never>, context: never) => ReturnType<Action<never>>,
): A {
  const entries = Object.entries(actions).map(([id, action]) => [
    id,
    action && ((context: never) => run(action as Action<never>, context)),
  ]);
  return Object.fromEntries(entries) as A;
}
