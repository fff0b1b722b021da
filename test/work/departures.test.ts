import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { Departures } from '../../src/work/departures.ts';

/** A line whose flights end when they are told to. */
function line(capacity: number) {
  const flights: { calls: readonly number[]; land: (error?: Error) => void; who: unknown }[] = [];
  const who = new AsyncLocalStorage<string>();
  const departures = new Departures<number, number>(capacity, (calls) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ value: number }[]>();
    const land = (error?: Error) =>
      error ? reject(error) : resolve(calls.map((call) => ({ value: 10 * call })));
    flights.push({ calls, land, who: who.getStore() });
    return promise;
  });
  return { flights, departures, who };
}
const nextFlight = () => new Promise(setImmediate).then(() => new Promise(setImmediate));

test('those that come while a flight is under way leave in the next one, each with its own answer', async () => {
  const { flights, departures } = line(10);
  const answers = Promise.all([1, 2, 3].map((call) => departures.take('a', 1, call)));
  const other = departures.take('b', 1, 9);
  expect(flights.map(({ calls }) => calls)).toEqual([[1], [9]]);
  flights[1]!.land();
  expect(await other).toBe(90);
  flights[0]!.land();
  await nextFlight();
  expect(flights.map(({ calls }) => calls)).toEqual([[1], [9], [2, 3]]);
  flights[2]!.land();
  expect(await answers).toEqual([10, 20, 30]);
});

test('a flight carries what it can; what fills one by itself leaves at once', async () => {
  const { flights, departures } = line(3);
  const answers = Promise.all([
    departures.take('a', 1, 1),
    departures.take('a', 2, 2),
    departures.take('a', 2, 3),
    departures.take('a', 3, 4),
  ]);
  expect(flights.map(({ calls }) => calls)).toEqual([[1], [4]]);
  for (let landed = 0; landed < 4; landed++) {
    flights[landed]!.land();
    await nextFlight();
  }
  expect(flights.map(({ calls }) => calls)).toEqual([[1], [4], [2], [3]]);
  expect(await answers).toEqual([10, 20, 30, 40]);
});

test('a flight that fails fails all aboard, and the next one leaves all the same', async () => {
  const { flights, departures } = line(10);
  const answers = Promise.allSettled([1, 2, 3].map((call) => departures.take('a', 1, call)));
  flights[0]!.land();
  await nextFlight();
  flights[1]!.land(new Error('lost'));
  expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  const late = departures.take('a', 1, 4);
  await nextFlight();
  flights[2]!.land();
  expect(await late).toBe(40);
});

test('a flight runs in the async context of its first caller', async () => {
  const { flights, departures, who } = line(10);
  const answers = Promise.all(
    ['ann', 'bob', 'cyd'].map((name, i) => who.run(name, () => departures.take('a', 1, i))),
  );
  flights[0]!.land();
  await nextFlight();
  flights[1]!.land();
  await answers;
  expect(flights.map((flight) => flight.who)).toEqual(['ann', 'bob']);
});
