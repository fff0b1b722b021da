import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { AmbiguousCommitError } from '../base/index.ts';
import type { RawResult, Statement } from '../query/index.ts';
import {
  ATTEMPT,
  COMPONENT,
  DB_RESPONSE_STATUS_CODE,
  ERROR_TYPE,
  RETRY_REASON,
  TRANSACTION_ATTEMPTS,
  TRANSACTION_OUTCOME,
} from './attributes.ts';
import type { DatabaseDescription, Descriptions } from './descriptions.ts';
import { errorFacts } from './error-facts.ts';
import type { Instruments } from './instruments.ts';
import type { ServerAddress, TransactionInfo, TransactionObserver } from './observer.ts';
import { markFailed } from './span.ts';
import { recordStatement } from './statement.ts';
import { batchFacts, factsOf, type StatementFacts } from './statement-facts.ts';

const NO_ATTRIBUTES: Attributes = {};

/** One transaction while something records: an INTERNAL span, its statements, its retries, its counts. */
export class RecordedTransaction implements TransactionObserver {
  readonly #info: TransactionInfo;
  readonly #database: DatabaseDescription;
  readonly #instruments: Instruments | undefined;
  readonly #byProcessor: Attributes;
  /** Undefined when the span is not sampled: its statements get none either. */
  readonly #tracer: Tracer | undefined;
  readonly #span: Span | undefined;
  readonly #context: Context | undefined;
  #statements: Descriptions | undefined;
  #attempts = 0;
  readonly #started = performance.now();
  #ended = false;

  constructor(
    info: TransactionInfo,
    database: DatabaseDescription,
    tracer: Tracer | undefined,
    instruments: Instruments | undefined,
  ) {
    this.#info = info;
    this.#database = database;
    this.#instruments = instruments;
    this.#byProcessor = info.component === undefined ? NO_ATTRIBUTES : { component: info.component };
    if (!tracer) return;
    const shared = info.readOnly ? database.readOnlyAttributes : database.attributes;
    const attributes = info.component === undefined ? shared : { ...shared, [COMPONENT]: info.component };
    const parent = context.active();
    this.#span = tracer.startSpan(info.name, { kind: SpanKind.INTERNAL, attributes }, parent);
    // Also when it is not sampled: what the callback starts must inherit that decision.
    this.#context = trace.setSpan(parent, this.#span);
    this.#tracer = this.#span.isRecording() ? tracer : undefined;
  }

  async run<T>(body: () => Promise<T>): Promise<T> {
    this.#instruments?.started.add(1, this.#byProcessor);
    try {
      return await (this.#context ? context.with(this.#context, body) : body());
    } catch (error) {
      // What failed before or between attempts: an abort, a pool timeout, an expired session.
      this.end(this.#attempts, { error });
      throw error;
    }
  }

  attempt(attempt: number, server: ServerAddress): void {
    this.#attempts = attempt;
    this.#statements = this.#database.on(server);
  }

  retry(attempt: number, error: unknown): void {
    const { type, sqlState, retryReason } = errorFacts(error);
    const cause: Attributes = {
      [ERROR_TYPE]: sqlState ?? type,
      ...(retryReason === undefined ? {} : { [RETRY_REASON]: retryReason }),
    };
    this.#instruments?.retried.add(1, { ...this.#byProcessor, ...cause });
    this.#span?.addEvent('retry', {
      [ATTEMPT]: attempt,
      ...cause,
      ...(sqlState === undefined ? {} : { [DB_RESPONSE_STATUS_CODE]: sqlState }),
    });
  }

  statement(statement: Statement, run: () => Promise<RawResult>): Promise<RawResult> {
    if (!this.#tracer && !this.#instruments) return run();
    return this.#record(factsOf(statement), 1, run);
  }

  batch<T>(statements: readonly Statement[], run: () => Promise<T>): Promise<T> {
    if (statements.length === 0 || (!this.#tracer && !this.#instruments)) return run();
    return this.#record(batchFacts(statements), statements.length, run);
  }

  end(attempts: number, failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    this.#ended = true;
    const error = failure?.error;
    const failed = error instanceof AmbiguousCommitError ? 'ambiguous' : 'failed';
    const outcome = failure ? failed : 'committed';
    this.#instruments?.retries.record(Math.max(0, attempts - 1), { transaction: this.#info.name });
    this.#instruments?.transactions.record((performance.now() - this.#started) / 1_000, {
      transaction: this.#info.name,
      outcome,
    });
    if (outcome !== 'committed')
      this.#instruments?.failed.add(1, { ...this.#byProcessor, [ERROR_TYPE]: errorFacts(error).type });
    if (!this.#span) return;
    this.#span.setAttribute(TRANSACTION_ATTEMPTS, attempts);
    this.#span.setAttribute(TRANSACTION_OUTCOME, outcome);
    if (outcome !== 'committed') markFailed(this.#span, error);
    this.#span.end();
  }

  #record<T>(facts: StatementFacts, count: number, run: () => Promise<T>): Promise<T> {
    const active = context.active();
    const recorder = {
      tracer: this.#tracer,
      instruments: this.#instruments,
      // Without a context manager nothing is active; the statement is the transaction's child all the same.
      parent: trace.getSpan(active) ? active : this.#context,
    };
    this.#statements ??= this.#database.on(undefined);
    return recordStatement(recorder, facts.summary, this.#statements.of(facts, count), run);
  }
}
