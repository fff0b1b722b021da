import { nextSignal } from '../queries/workflows.ts';
import type { Work } from '../work/index.ts';
import type { Graph, Json } from './definition.ts';
import type { InstanceRecord } from './record.ts';

/** A transition to fire, with its arguments, and the signal that is used up by it. */
export interface Trigger {
  readonly id: string;
  readonly args: Json;
  readonly consumed?: { readonly name: string; readonly key: string } | undefined;
  /** Of the signal. */
  readonly traceContext?: unknown;
}

/**
 * What the state asks for: its automatic transition; a signal that came before its timer was over; the timer. Undefined:
 * it waits.
 */
export async function dueTransition(
  graph: Graph,
  work: Work,
  { state, enteredAt, waitedMs }: InstanceRecord,
): Promise<Trigger | undefined> {
  const automatic = graph.automatic(state);
  if (automatic !== undefined) return { id: automatic, args: {} };
  const [timer] = graph.timers(state);
  const overAt = timer && waitedMs >= timer.ms ? enteredAt.getTime() + timer.ms : Infinity;
  const signals = graph.signals(state);
  if (signals.size > 0) {
    const names = [...signals.keys()];
    const { definition } = graph;
    const next = await nextSignal(work.session.guarded, {
      workflow: definition.name,
      target: work.target,
      names,
    });
    if (next && next.at.getTime() <= overAt) {
      const { name, key, payload, traceContext } = next;
      return { id: signals.get(name)!, args: payload as Json, consumed: { name, key }, traceContext };
    }
  }
  return overAt < Infinity ? { id: timer!.id, args: {} } : undefined;
}
