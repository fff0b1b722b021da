import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { register } from '../../examples/fleet/cli/fleet.ts';
import { MACHINE_STATES } from '../../examples/fleet/src/components/janitor.ts';

const page = await readFile('examples/fleet/README.md', 'utf8');

test('its page has every setting of every component, with its default', () => {
  const program = new Command();
  register(program);
  const components = program.commands[0]!.commands.filter(
    (command) => !['agent', 'machine', 'machines'].includes(command.name()),
  );
  const documented = new Map(
    [...page.matchAll(/^\| `(--[a-z-]+)` \|\s*`?([^|`]*?)`?\s*\|/gm)].map(([, flag, value]) => [
      flag!,
      value!,
    ]),
  );
  const elsewhere = ['--url', '--driver', '--connections'];
  for (const { long, envVar, defaultValue, defaultValueDescription } of components.flatMap(
    ({ options }) => options,
  )) {
    if (elsewhere.includes(long!)) continue;
    expect(envVar).toBe(`HOLDFAST_FLEET_${long!.slice(2).replaceAll('-', '_').toUpperCase()}`);
    const shown = defaultValueDescription ?? (defaultValue === false ? 'off' : String(defaultValue ?? ''));
    expect([long, documented.get(long!)]).toEqual([long, shown === 'none' ? '' : shown]);
  }
});

test('its page names every state of a machine', () => {
  for (const state of MACHINE_STATES) expect(page).toContain(state);
});
