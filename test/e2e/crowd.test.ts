import { test } from 'vitest';
import { keepCrowdAlive } from '../sessions/support/crowd.ts';

test('10,000 sessions of one process are kept alive by one statement a heartbeat', () =>
  keepCrowdAlive(10_000));
