import { type Attributes, type Context, type Counter, context, type Histogram } from '@opentelemetry/api';

interface Measurement {
  readonly record: Record;
  readonly value: number;
  readonly attributes: Attributes;
  readonly context: Context;
}

type Record = (value: number, attributes: Attributes, context: Context) => void;

const MOST_WAITING = 1_000;
const LONGEST_WAIT_MS = 1_000;

/**
 * What was measured and is not in the SDK yet. Between two statements a measurement costs several times what it
 * costs among its like, and nobody looks at it until the reader collects: so they wait for that, at most a second
 * and a thousand of them, with the context that they were made in.
 */
export class Measurements {
  #waiting: Measurement[] = [];
  #timer: NodeJS.Timeout | undefined;

  histogram(instrument: Histogram): Pick<Histogram, 'record'> {
    const record: Record = (...measured) => instrument.record(...measured);
    return { record: (value, attributes = {}) => this.#add(record, value, attributes) };
  }

  counter(instrument: Counter): Pick<Counter, 'add'> {
    const record: Record = (...measured) => instrument.add(...measured);
    return { add: (value, attributes = {}) => this.#add(record, value, attributes) };
  }

  /** Hands everything to the SDK. To be called before the reader looks. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { record, value, attributes, context } of waiting) record(value, attributes, context);
  }

  #add(record: Record, value: number, attributes: Attributes): void {
    this.#waiting.push({ record, value, attributes, context: context.active() });
    if (this.#waiting.length >= MOST_WAITING) this.flush();
    // For an SDK that is not read by collection, or does not ask for the gauges first.
    else this.#timer ??= setTimeout(() => this.flush(), LONGEST_WAIT_MS).unref();
  }
}
