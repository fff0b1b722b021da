import { expect, test } from 'vitest';
import { freePlace } from '../../src/database/embedded/port.ts';

/** Of documentation, RFC 5737: no machine has it. */
const NOBODYS = '192.0.2.1';

test('the embedded server listens on the first address that this machine has, and without one the error says what to do', async () => {
  expect(await freePlace([NOBODYS, '127.0.0.1'])).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
  const refusal = await freePlace([NOBODYS]).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'HOLDFAST_CONNECT', reason: 'unreachable' });
  expect((refusal as Error).message).toMatch(
    /^this machine has none of the addresses 192\.0\.2\.1, .*loopback/,
  );
});
