/** What was asked for at one time and done at another is followed by links, from the one who asked to the one who did it. */
import { propagation, type SpanContext, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineCommands } from '../../src/commands/index.ts';
import { connect, runControlLoop } from '../../src/index.ts';
import { defineWorkflow } from '../../src/workflows/index.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import {
  isChildOf,
  only,
  type ReadableSpan,
  type RecordedTelemetry,
  recordTelemetry,
} from '../support/recorded-telemetry.ts';
import { rows } from '../support/sql.ts';
import { waitFor } from '../support/wait-for.ts';

let telemetry: RecordedTelemetry;
beforeAll(() => {
  telemetry = recordTelemetry();
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterAll(async () => {
  propagation.disable();
  await telemetry.stop();
});

const child = defineWorkflow({
  name: 'boot',
  version: 1,
  states: ['booted'],
  transitions: { boot: { from: null, to: 'booted', automatic: true } },
});
const parent = defineWorkflow({
  name: 'install',
  version: 1,
  states: ['waiting', 'installed'],
  transitions: {
    begin: { from: null, to: 'waiting', automatic: true },
    image: { from: 'waiting', to: 'installed', signal: 'image', child: { workflow: child } },
  },
});
const machine = defineCommands({
  name: 'machine',
  states: ['on'],
  state: async () => 'on' as const,
  commands: { install: { apply: ['on'] } },
});

/** In how many links the span is reached from the other: its ancestors and what they link to, and so on. */
function distance(spans: readonly ReadableSpan[], from: ReadableSpan, to: ReadableSpan): number {
  const find = ({ traceId, spanId }: SpanContext) =>
    spans.find((span) => span.spanContext().spanId === spanId && span.spanContext().traceId === traceId);
  let reached = [from];
  for (let links = 0; reached.length > 0 && links < 10; links++) {
    const next: ReadableSpan[] = [];
    for (let span of reached)
      for (
        let above: ReadableSpan | undefined = span;
        above;
        above = span.parentSpanContext && find(span.parentSpanContext)
      ) {
        span = above;
        if (span === to) return links;
        next.push(...span.links.flatMap((link) => find(link.context) ?? []));
      }
    reached = next;
  }
  return -1;
}

test.each(SUITE_DRIVERS)(
  '%s: a call is followed over a command and a workflow, its child and its signal, to the worker that served it',
  async (driver) => {
    const { url } = await createTestDatabase();
    // Who asks and who serves share the database alone.
    await using asking = await connect({ url, driver });
    await using serving = await connect({ url, driver });
    const spans = await telemetry.during(async () => {
      await trace.getTracer('test').startActiveSpan('caller', async (caller) => {
        await machine.send(asking, 'm1', 'install', {}, { author: 'me' });
        caller.end();
      });
      const how = { pollIntervalMs: 20 };
      const loops = [
        runControlLoop(serving, {
          ...how,
          ...machine.loop({ install: async (tx) => void (await parent.start(tx, 'm1')) }),
        }),
        parent.runLoop(serving, {
          ...how,
          actions: { begin: async () => void (await rows(serving, 'SELECT 42')) },
        }),
        child.runLoop(serving, { ...how, actions: {} }),
      ];
      await waitFor(async () => (await parent.status(serving, 'm1'))?.state === 'waiting');
      await trace.getTracer('test').startActiveSpan('image maker', async (maker) => {
        await parent.signal(asking, 'm1', 'image');
        maker.end();
      });
      await waitFor(async () => (await parent.status(serving, 'm1'))?.endedAt);
      await Promise.all(loops.map((loop) => loop.stop()));
    });

    const [caller, maker] = [only(spans, 'caller'), only(spans, 'image maker')];
    const command = only(spans, 'command install');
    const begin = only(spans, 'transition begin');
    const boot = only(spans, 'transition boot');
    // Where there are several attempts, the last one ended it.
    const image = spans.filter(({ name }) => name === 'transition image').at(-1)!;
    expect(distance(spans, command, caller)).toBe(1);
    expect(distance(spans, begin, caller)).toBe(2);
    expect(distance(spans, image, caller)).toBe(2);
    expect(distance(spans, spans.find(({ name }) => name === 'transition image')!, maker)).toBe(1);
    expect(distance(spans, boot, caller)).toBe(3);

    // Links, not children: each worker's spans are a trace of its own.
    const { traceId } = caller.spanContext();
    for (const span of [command, begin, image, boot]) expect(span.spanContext().traceId).not.toBe(traceId);
    // The worker's claim of the work is over when it is handled; the handling has all else in it.
    expect(
      isChildOf(
        begin,
        only(
          spans.filter((span) => span.spanContext().traceId === begin.spanContext().traceId),
          'handle workflow:install',
        ),
      ),
    ).toBe(true);
    expect(spans.some((span) => span.name === 'SELECT' && isChildOf(span, begin))).toBe(true);
    expect(begin.attributes).toEqual({
      'holdfast.work.kind': 'workflow:install',
      'holdfast.workflow': 'install',
      'holdfast.workflow.transition': 'begin',
    });
    const kept = await rows(serving, `SELECT trace_context ->> 'traceparent' FROM holdfast.command`);
    expect(kept[0]![0]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  },
);

test('without a propagator nothing is kept, and nothing is linked', async () => {
  propagation.disable();
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  await parent.start(db, 'm2');
  expect(await rows(db, 'SELECT trace_context IS NULL FROM holdfast.workflow')).toEqual([['t']]);
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
