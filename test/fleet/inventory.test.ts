import { describe, expect, test } from 'vitest';
import {
  InventoryError,
  parseInventory,
  readInventory,
} from '../../examples/fleet/src/inventory/inventory.ts';

function refusal(text: string): string {
  try {
    parseInventory(text, 'fleet.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(InventoryError);
    return (error as InventoryError).message;
  }
  throw new Error('the inventory was accepted');
}

test('the example inventory has a dozen machines or more, each with its image', async () => {
  const { machines } = await readInventory('examples/fleet/inventory.yaml');
  expect(machines.length).toBeGreaterThanOrEqual(12);
  expect(machines[0]).toEqual({ name: 'rack1-node01', os: 'debian-13' });
  expect(machines.find(({ name }) => name === 'rack3-node01')?.os).toBe('metal-1.4');
  expect(machines.find(({ name }) => name === 'rack3-spare01')?.os).toBeUndefined();
});

describe('a bad inventory is refused with line and reason', () => {
  test.each([
    [
      'no machines',
      'defaults:\n  os: debian-13\n',
      /^fleet\.yaml:1:1: machines: a list of machines is needed/,
    ],
    ['an empty file', '', /^fleet\.yaml:1:1: machines: a list of machines is needed/],
    [
      'a machine without a name',
      'machines:\n  - name: a\n  - os: x\n',
      /^fleet\.yaml:3:5: .*a machine needs a name$/,
    ],
    [
      'a bad name',
      'machines:\n  - name: Node_1\n',
      /^fleet\.yaml:2:11: machines\.0\.name: a name is 1 to 63/,
    ],
    [
      'a name twice',
      'machines:\n  - name: a\n  - name: b\n  - name: a\n',
      /^fleet\.yaml:4:11: a is on line 2 already/,
    ],
    [
      'an unknown setting',
      'machines:\n  - name: a\n    ram: 4\n',
      /^fleet\.yaml:3:10: machines\.0\.ram: no such setting$/,
    ],
    [
      'a name that is a number',
      'machines:\n  - name: 123\n',
      /^fleet\.yaml:2:11: machines\.0\.name: a name is text: put it in quotation marks$/,
    ],
    ['a bare name', 'machines:\n  - a\n', /^fleet\.yaml:2:5: machines\.0: a machine is written as - name:/],
    ['an alias of nothing', 'machines: *none\n', /^fleet\.yaml:1:11: nothing above is called &none$/],
    [
      'aliases of aliases',
      `machines: &a0 [x]\n${[1, 2, 3, 4].map((n) => `k${n}: &a${n} [${Array(9).fill(`*a${n - 1}`)}]\n`).join('')}`,
      /^fleet\.yaml:1:1: Excessive alias count/,
    ],
    ['a tab', 'machines:\n\t- name: a\n', /^fleet\.yaml:2:1: Tabs are not allowed/],
    ['two documents', 'machines: []\n---\nmachines: []\n', /^fleet\.yaml:2:1: one document is wanted/],
    ['broken YAML', 'machines:\n  - name: [a\n', /^fleet\.yaml:\d+:\d+: /],
    ['a list at the top', '- name: a\n', /^fleet\.yaml:1:1: file: /],
  ])('%s', (_, text, message) => {
    expect(refusal(text)).toMatch(message);
  });

  test('every fault at once', () => {
    expect(refusal('machines:\n  - name: A\n  - name: B\n').split('; ')).toHaveLength(2);
  });

  test('a file that is not there', async () => {
    await expect(readInventory('no/such/file.yaml')).rejects.toThrow(
      /no\/such\/file\.yaml: there is no such file/,
    );
  });
});
