import { describe, expect, test } from 'vitest';
import { DatabaseError, RetriesExhaustedError } from '../../src/index.ts';
import { errorFacts } from '../../src/telemetry/error-facts.ts';
import { redactLiterals } from '../../src/telemetry/redact.ts';
import { factsOf } from '../../src/telemetry/statement-facts.ts';

describe('literals of a hand-made statement become question marks', () => {
  test.each([
    [`SELECT * FROM t1 WHERE a = 'x' AND b = $1`, 'SELECT * FROM t1 WHERE a = ? AND b = $1'],
    [`SELECT 'it''s', 1.5e3, .5, 0x1f, a1, "Name 'q'"`, `SELECT ?, ?, ?, ?, a1, "Name 'q'"`],
    [`SELECT E'a\\'b', e'\\\\', b'01', 'c'`, 'SELECT E?, e?, b?, ?'],
    [`SELECT tale'x', 'y\\', 'z'`, 'SELECT tale?, ?, ?'],
    ['SELECT $$a$$, $f$b $$ c$f$, $2', 'SELECT ?, ?, $2'],
    ['-- secret\nSELECT /* a /* b */ c */ 1', 'SELECT   ?'],
    [`CREATE USER u PASSWORD 'p'`, 'CREATE USER u PASSWORD ?'],
    [`SELECT 'open`, 'SELECT ?'],
    ['SELECT $$open', 'SELECT ?'],
    ['SELECT 1 /* open', 'SELECT ?'],
  ])('%s', (text, redacted) => {
    expect(redactLiterals(text)).toBe(redacted);
  });
});

test('a statement made by hand is called after its first word; a compiled one by its name', () => {
  const summary = (text: string, name?: string) => factsOf({ text, values: [], name }).summary;
  expect(summary(' -- x\n (select 1)')).toBe('SELECT');
  expect(summary('with a as (select 1) table a')).toBe('WITH');
  expect(summary('?')).toBe('statement');
  expect(summary(`SELECT 'constant' FROM t`, 'GetT')).toBe('GetT');
});

describe('errors', () => {
  const retry = (message: string) => new DatabaseError({ code: '40001', message });

  test("CockroachDB's reason is found at any depth, and only from the closed list", () => {
    const text =
      'restart transaction: TransactionRetryWithProtoRefreshError: TransactionRetryError: retry txn (RETRY_WRITE_TOO_OLD - WriteTooOld flag converted to WriteTooOldError)';
    const wrapped = new RetriesExhaustedError(
      't',
      2,
      1,
      new AggregateError([new Error('x', { cause: retry(text) })]),
    );
    expect(errorFacts(wrapped)).toEqual({
      type: 'HOLDFAST_RETRIES_EXHAUSTED',
      sqlState: '40001',
      retryReason: 'RETRY_WRITE_TOO_OLD',
    });
    const aborted = retry('TransactionAbortedError(ABORT_REASON_ABORT_SPAN): "sql txn"');
    expect(errorFacts(aborted).retryReason).toBe('ABORT_REASON_ABORT_SPAN');
    expect(errorFacts(retry('key /Table/1/"RETRY_ME"')).retryReason).toBe(undefined);
  });

  test("another driver's SQLSTATE counts; a system error's code does not", () => {
    expect(errorFacts(Object.assign(new Error(), { code: '40P01' })).sqlState).toBe('40P01');
    expect(errorFacts(Object.assign(new Error(), { code: 'EPERM' })).sqlState).toBe(undefined);
  });

  test('the type is a class, never what a program wrote into the name', () => {
    expect(errorFacts(Object.assign(new RangeError(), { name: 'value' })).type).toBe('RangeError');
    expect(errorFacts('text').type).toBe('_OTHER');
    expect(errorFacts(undefined).type).toBe('_OTHER');
    expect(errorFacts(AbortSignal.abort().reason).type).toBe('AbortError');
  });
});
