/** A figure of several runs: the median and the range. */
export interface Figure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly runs: number;
}

export function figure(samples: readonly number[]): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median: tidy(median), low: tidy(sorted[0]!), high: tidy(sorted.at(-1)!), runs: sorted.length };
}

const tidy = (value: number) => Number(value.toPrecision(4));

/** How long `body` took, in milliseconds. */
export async function timed(body: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await body();
  return performance.now() - started;
}

/** Calls a second of `count` calls made by `clients` at once, each in turn. */
export async function rate(count: number, clients: number, call: (client: number) => Promise<unknown>) {
  let left = count;
  const client = async (_: unknown, index: number) => {
    while (left-- > 0) await call(index);
  };
  const ms = await timed(() => Promise.all(Array.from({ length: clients }, client)));
  return (count * 1_000) / ms;
}

/** Runs every variant `runs` times in turns, so that what disturbs the machine disturbs them alike. */
export async function inTurns<K extends string>(
  runs: number,
  variants: Readonly<Record<K, () => Promise<number>>>,
): Promise<Record<K, Figure>> {
  const names = Object.keys(variants) as K[];
  const samples = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let run = 0; run < runs; run++)
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + run) % names.length]!;
      samples.get(name)!.push(await variants[name]());
    }
  return Object.fromEntries(names.map((name) => [name, figure(samples.get(name)!)])) as Record<K, Figure>;
}
