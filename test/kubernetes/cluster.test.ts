import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('npm run test:kubernetes says what it needs, and exits with 2, where there is no cluster', () => {
  const { status, stderr } = spawnSync(process.execPath, ['test/kubernetes/cluster/main.ts'], {
    encoding: 'utf8',
    env: { ...process.env, KUBECONFIG: '', HOLDFAST_IMAGE: '' },
  });
  expect([status, stderr]).toEqual([2, expect.stringContaining('HOLDFAST_IMAGE')]);
});
