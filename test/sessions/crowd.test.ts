import { test } from 'vitest';
import { keepCrowdAlive } from './support/crowd.ts';

test('1,000 sessions of one process are kept alive by one statement a heartbeat', () =>
  keepCrowdAlive(1_000));
