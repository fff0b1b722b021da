import { randomFrom } from './random.ts';

/** Awaited by a task where another one may go first. `label` shows in the trace. */
export type Turn = (label?: string) => Promise<void>;

export interface ScheduleOptions {
  /** Decides every choice: the same seed gives the same order. Print it. */
  readonly seed: number;
  /**
   * A task that reaches no turn for so long is taken to wait for another one, on a row lock perhaps, and the
   * next goes on beside it. Default 200.
   */
  readonly blockedAfterMs?: number | undefined;
}

interface Waiting {
  readonly task: number;
  readonly label: string;
  readonly go: () => void;
}

/**
 * Runs tasks one at a time and changes from one to another only where they await their turn, in an order that
 * the seed decides. Resolves with their values, in the order of the tasks, and with the trace of the turns.
 */
export async function interleave<T>(
  options: ScheduleOptions,
  tasks: readonly ((turn: Turn) => Promise<T>)[],
): Promise<{ readonly values: T[]; readonly trace: readonly string[] }> {
  const { seed, blockedAfterMs = 200 } = options;
  const random = randomFrom(seed);
  const trace: string[] = [];
  const waiting: Waiting[] = [];
  let wake = () => {};
  let live = tasks.length;
  const turnOf =
    (task: number): Turn =>
    (label = '') =>
      new Promise((resolve) => {
        waiting.push({ task, label, go: resolve });
        wake();
      });
  const running = tasks.map(async (run, task) => {
    const turn = turnOf(task);
    try {
      await turn('start');
      return await run(turn);
    } finally {
      live--;
      wake();
    }
  });
  const all = Promise.all(running);
  all.catch(() => {});
  while (live > 0) {
    // The order in which they came to wait is the machine's; the choice is the seed's alone.
    waiting.sort((a, b) => a.task - b.task);
    const [chosen] = waiting.splice(Math.floor(random() * waiting.length), 1);
    if (chosen) trace.push(`${chosen.task}${chosen.label ? ` ${chosen.label}` : ''}`);
    let timer: NodeJS.Timeout | undefined;
    const next = new Promise<void>((resolve) => {
      wake = resolve;
      if (waiting.length > 0) timer = setTimeout(resolve, blockedAfterMs);
    });
    chosen?.go();
    await next;
    clearTimeout(timer);
  }
  return { values: await all, trace };
}
