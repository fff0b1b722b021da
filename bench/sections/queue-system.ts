/** A way of working through a queue, to be timed. */
export interface QueueSystem {
  readonly name: string;
  /** Brings the number of waiting jobs up to `backlog`. */
  fill(backlog: number): Promise<void>;
  /** Takes and finishes `jobs` jobs with `workers` at once. Gives jobs a second. */
  run(jobs: number, workers: number): Promise<number>;
  /** Times of single claims since the last call, in milliseconds, where they can be seen. */
  claimTimes?(): number[];
  close(): Promise<void>;
}

/** How a system is opened for a database. */
export type OpenQueue = (url: string, batch: number) => Promise<QueueSystem>;

/** Stops the clock when so many jobs were done. */
export function stopwatch(jobs: number) {
  let started: number | undefined;
  let done = 0;
  const finished = Promise.withResolvers<number>();
  return {
    get over() {
      return done >= jobs;
    },
    start() {
      started ??= performance.now();
    },
    count(some: number) {
      done += some;
      if (done >= jobs) finished.resolve((done * 1_000) / (performance.now() - started!));
    },
    rate: finished.promise,
  };
}
