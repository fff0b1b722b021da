import { expect, test } from 'vitest';
import { Doubling, pause, Service } from '../../src/base/index.ts';

/** A service whose turns wait to be ended by the test. */
function stepped(onError?: (error: unknown) => void) {
  const turns: { readonly end: (pauseMs: number) => void; readonly fail: (error: Error) => void }[] = [];
  const begun: (() => void)[] = [];
  const service = new Service({
    turn: () =>
      new Promise<number>((end, fail) => {
        turns.push({ end, fail });
        begun.shift()?.();
      }),
    onError,
    recovery: new Doubling(1, 1),
  });
  const next = () => new Promise<void>((resolve) => begun.push(resolve));
  return { service, turns, next };
}

test('one turn at a time; after a pause without end nothing but hurry brings the next one', async () => {
  const { service, turns, next } = stepped();
  await next();
  expect(service.state).toBe('running');
  service.hurry();
  service.hurry();
  let behind = next();
  turns[0]!.end(Infinity);
  await behind;
  turns[1]!.end(Infinity);
  await pause(20);
  expect([turns.length, service.state]).toEqual([2, 'resting']);
  behind = next();
  service.hurry(5);
  service.hurry(60_000);
  await behind;
  const stopped = service.stop();
  expect(service.state).toBe('stopping');
  turns[2]!.end(0);
  await stopped;
  expect([turns.length, service.state]).toEqual([3, 'stopped']);
});

test('a turn that throws is told and followed by another one; what is told may throw itself', async () => {
  const told: unknown[] = [];
  const warned = new Promise((resolve) => process.once('warning', resolve));
  const { service, turns, next } = stepped((error) => {
    told.push(error);
    throw new Error('the hook');
  });
  await next();
  const again = next();
  turns[0]!.fail(new Error('the turn'));
  await again;
  expect(told).toEqual([new Error('the turn')]);
  expect(await warned).toMatchObject({ message: 'the hook' });
  void service.stop();
  turns[1]!.end(0);
  await service.done;
});

test('stop ends a pause at once, waits for no turn longer than it is told, and aborts what the turn waits by', async () => {
  const resting = stepped();
  await resting.next();
  resting.turns[0]!.end(Infinity);
  await pause(0);
  await resting.service.stop();
  expect(resting.turns).toHaveLength(1);

  const silent = stepped();
  await silent.next();
  await silent.service.stop(1);
  expect(silent.service.state).toBe('stopping');

  const errors: unknown[] = [];
  const waiting = new Service({
    turn: (stopping) => pause(600_000, stopping).then(() => 0),
    onError: (error) => errors.push(error),
  });
  await pause(0);
  await waiting.stop();
  expect(errors).toEqual([]);
});
