import { expect, test } from 'vitest';
import { type KnownMachine, planReconciliation } from '../../examples/fleet/src/components/reconciliation.ts';

const wanting = (...names: string[]) => ({ machines: names.map((name) => ({ name })) });
const known = (name: string, more: Partial<KnownMachine> = {}): KnownMachine => ({
  machineId: `id-${name}`,
  name,
  providerId: `p-${name}`,
  missing: false,
  unwanted: false,
  ...more,
});
const listed = (name: string, providerId = `p-${name}`) => ({ name, providerId });
const nothing = { adopt: [], destroy: [], nowMissing: [], foundAgain: [], nowUnwanted: [], wantedAgain: [] };

test('three views that agree need nothing', () => {
  expect(planReconciliation(wanting('a', 'b'), [known('a'), known('b')], [listed('a'), listed('b')])).toEqual(
    nothing,
  );
});

test('a machine that a dead provisioner created is adopted, whether its row exists or not', () => {
  const plan = planReconciliation(
    wanting('a', 'b'),
    [known('a', { providerId: null })],
    [listed('a'), listed('b')],
  );
  expect(plan).toEqual({
    ...nothing,
    adopt: [
      { name: 'a', providerId: 'p-a' },
      { name: 'b', providerId: 'p-b' },
    ],
  });
});

test('machines that nobody wants are destroyed: without a name, not in the inventory, or the second of a name', () => {
  const machines = [
    { providerId: 'p-1' },
    listed('x'),
    listed('a'),
    listed('a', 'p-a2'),
    listed('b'),
    listed('b', 'p-b2'),
  ];
  const plan = planReconciliation(wanting('a', 'b'), [known('a')], machines);
  expect(plan).toEqual({
    ...nothing,
    adopt: [{ name: 'b', providerId: 'p-b' }],
    destroy: ['p-1', 'p-x', 'p-a2', 'p-b2'],
  });
});

test('a machine that vanished is marked once, and unmarked when it is listed again', () => {
  expect(planReconciliation(wanting('a'), [known('a')], [])).toEqual({ ...nothing, nowMissing: ['id-a'] });
  expect(planReconciliation(wanting('a'), [known('a', { missing: true })], [])).toEqual(nothing);
  expect(planReconciliation(wanting('a'), [known('a', { missing: true })], [listed('a')])).toEqual({
    ...nothing,
    foundAgain: ['id-a'],
  });
});

test('the replacement of a vanished machine is adopted, not destroyed', () => {
  expect(planReconciliation(wanting('a'), [known('a', { missing: true })], [listed('a', 'p-new')])).toEqual({
    ...nothing,
    adopt: [{ name: 'a', providerId: 'p-new' }],
    foundAgain: ['id-a'],
  });
});

test('a machine that left the inventory is marked for retirement, and spared when it comes back in time', () => {
  expect(planReconciliation(wanting(), [known('a')], [listed('a')])).toEqual({
    ...nothing,
    nowUnwanted: ['id-a'],
  });
  expect(planReconciliation(wanting(), [known('a', { unwanted: true })], [listed('a')])).toEqual(nothing);
  expect(planReconciliation(wanting('a'), [known('a', { unwanted: true })], [listed('a')])).toEqual({
    ...nothing,
    wantedAgain: ['id-a'],
  });
});
