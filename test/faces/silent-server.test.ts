import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineCommands, type Transacts } from '../../src/commands/index.ts';
import { connect, DeadlineExceededError } from '../../src/index.ts';
import { definePipeline } from '../../src/operations/index.ts';

import { FakeClock, stall, startFaultProxy } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflows/index.ts';
import { createTestDatabase, SUITE_DRIVERS, type TestDatabase, waitFor } from '../support/database.ts';

const doors = defineCommands({
  name: 'silent-door',
  states: ['shut'],
  state: async () => 'shut' as const,
  commands: { open: { apply: ['shut'] } },
});
const unit = defineWorkflow({
  name: 'silent-unit',
  version: 1,
  states: ['asleep', 'awake'],
  transitions: {
    sleep: { from: null, to: 'asleep', automatic: true },
    wake: { from: 'asleep', to: 'awake', signal: 'wake' },
  },
});
const sets = definePipeline({ name: 'silent-sets', operations: ['index'] });

/** What programs call on a bare handle, which no session limits. */
const CALLS: readonly [string, (on: Transacts) => Promise<unknown>][] = [
  ['a command that is sent', (on) => doors.send(on, 't', 'open', {}, { author: 'ann' })],
  ['a command that is taken back', (on) => doors.cancel(on, 't', 1n, 'no more')],
  ['a workflow that is started', (on) => unit.start(on, 't')],
  ['a signal', (on) => unit.signal(on, 't', 'wake')],
  ['a cancel', (on) => unit.cancel(on, 't')],
  ["an operator's decision", (on) => unit.resolve(on, 't', 'retry', 'mended')],
  ['operations that are enabled', (on) => sets.enable(on, 't', ['index'])],
];

describe.each(SUITE_DRIVERS)('on %s a server that has fallen silent holds no caller for ever:', (driver) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database?.drop());

  test.each(CALLS)('%s', async (_, call) => {
    await using proxy = await startFaultProxy({ url: database.url });
    await using db = await connect({ url: proxy.url, driver, closeTimeoutMs: 1_000 });
    proxy.inject({ direction: 'to-client', action: stall(), times: Infinity, startup: true });
    using clock = new FakeClock();
    let failure: unknown;
    call(db).catch((error: unknown) => {
      failure = error;
    });
    const hours = 3_600_000;
    await waitFor(
      async () => {
        await clock.advance(5_000);
        return failure;
      },
      { timeoutMs: hours, what: 'the call to give up' },
    );
    expect(failure).toBeInstanceOf(DeadlineExceededError);
  });
});
