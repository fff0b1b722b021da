import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineCommands } from '../../src/commands/index.ts';
import { connect, runControlLoop } from '../../src/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { runCli } from '../support/run-cli.ts';

const machines = defineCommands({
  name: 'machine',
  states: ['on', 'off'],
  state: async (_on, target) => (target.startsWith('off') ? 'off' : 'on'),
  commands: {
    reboot: { args: z.strictObject({ force: z.boolean().optional() }), apply: ['on'] },
    label: { args: z.strictObject({ text: z.string() }), apply: ['on'], wait: ['off'] },
  },
});

test('holdfast commands sends, waits for the end, lists and cancels, for a queue whose consumer has run', async () => {
  const { url } = await createTestDatabase();
  await using db = await connect({ url });
  const say = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(['commands', ...args], { DATABASE_URL: url });
    return { code, stdout: stdout.replace(/\d{4}-\S+Z/g, 'TIME').replace(/ +/g, ' '), stderr };
  };
  const by = ['--author', 'ann'];
  expect(await say('send', 'machine', 'm1', 'reboot', ...by)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      'there is no queue "machine": none of its consumers has run on this database',
    ),
  });
  await using loop = runControlLoop(
    db,
    machines.loop({ reboot: (_tx, { args }) => ({ forced: args.force ?? false }), label: () => {} }),
  );
  await machines.call(db, 'm1', 'label', { text: 'first' }, { author: 'bob' });
  expect(
    await say('send', 'machine', 'm1', 'reboot', ...by, '--args', '{"force":true}', '--wait', '60'),
  ).toMatchObject({ code: 0, stdout: 'consumed: {"forced":true}\n' });
  expect(await say('send', 'machine', 'off1', 'reboot', ...by, '--wait', '60')).toMatchObject({
    code: 1,
    stdout: 'rejected: the target is off\n',
  });
  const keyed = ['send', 'machine', 'off1', 'label', ...by, '--args', '{"text":"x"}', '--key', 'k'];
  expect((await say(...keyed)).stdout).toBe('sent: command 2 of off1\n');
  expect((await say(...keyed)).stdout).toBe('sent before: command 2 of off1\n');
  await loop.stop();
  expect((await say('list', 'machine')).stdout).toBe(
    [
      'TARGET NUMBER COMMAND STATE AUTHOR SENT REASON',
      'm1 1 label consumed bob TIME',
      'm1 2 reboot consumed ann TIME',
      'off1 1 reboot rejected ann TIME the target is off',
      'off1 2 label pending ann TIME\n',
    ].join('\n'),
  );
  expect((await say('list', 'machine', '--state', 'pending', '--json')).stdout).toMatch(
    /^\{"target":"off1","sequence":2,"command":"label","args":\{"text":"x"\}.*\}\n$/,
  );
  expect((await say('cancel', 'machine', 'off1', '2', '--reason', 'too late')).stdout).toBe(
    'canceled: command 2 of off1\n',
  );
  const wrong: [string[], string][] = [
    [['cancel', 'machine', 'off1', '2', '--reason', 'again'], 'command 2 of off1 is not pending'],
    [['send', 'machine', 'm1', 'stop', ...by], 'command: "stop" is not one of machine: '],
    [['send', 'machine', 'm1', 'label', ...by, '--args', '{"text":1}'], 'args.text: '],
    [['send', 'machine', 'm1', 'label', ...by, '--args', '[1]'], '--args: expected a JSON object'],
    [['send', 'machine', 'm1', 'label', ...by, '--args', '{'], '--args: '],
    [['send', 'machine', 'm1', 'label'], '--author'],
    [['list', 'machine', '--state', 'done'], '--state done: use one of pending, consumed'],
  ];
  for (const [args, why] of wrong) {
    const { code, stdout, stderr } = await say(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(why)]);
  }
  expect(await machines.status(db, 'm1', 3n)).toBeUndefined();
});
