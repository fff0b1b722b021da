import { describe, expect, test } from 'vitest';
import { retryAfterMs } from '../../src/artifacts/failures.ts';
import { parseIntegrity } from '../../src/artifacts/index.ts';
import { redirected } from '../../src/artifacts/redirected.ts';
import { Slots } from '../../src/artifacts/slots.ts';
import { checkUrl } from '../../src/artifacts/urls.ts';
import { MisuseError } from '../../src/base/index.ts';
import { digestOf } from './support/files.ts';

const base64 = (text: string, algorithm: string) =>
  Buffer.from(digestOf(text, algorithm), 'hex').toString('base64');

describe('an integrity text', () => {
  test('gives its digests in hex, of several of one algorithm the first', () => {
    const text = ` sha512-${base64('a', 'sha512')}\n sha1-${base64('a', 'sha1')}?opt sha1-${base64('b', 'sha1')}`;
    expect(parseIntegrity(text)).toEqual({ sha512: digestOf('a', 'sha512'), sha1: digestOf('a', 'sha1') });
  });

  test('may have algorithms that are not known, beside one that is', () => {
    expect(parseIntegrity(`sha3-AAAA sha256-${base64('a', 'sha256')}`)).toEqual({ sha256: digestOf('a') });
  });

  test.each(['', 'sha512', 'sha512-', 'sha512-AAAA', 'sha3-AAAA', `sha256-${digestOf('a')}`])(
    '%j is none',
    (text) => {
      expect(() => parseIntegrity(text)).toThrow(MisuseError);
    },
  );
});

test.each([
  ['0', 0],
  [' 120 ', 120_000],
  ['Thu, 01 Jan 1970 00:00:05 GMT', 4_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['-5', undefined],
  ['1e9', undefined],
  ['99999999999999999999', undefined],
])('Retry-After %j a second after 1970 began is %j ms', (header, ms) => {
  expect(retryAfterMs(header, 1_000)).toBe(ms);
});

test.each([
  ['https://u:p%40@host:8443/a/b?c=d#e', 'https://host:8443/a/b?...', 'u:p@'],
  ['http://u@host', 'http://host/', 'u:'],
  ['http://host/%7Euser', 'http://host/%7Euser', undefined],
  ['http://%zz@host/', 'http://host/', '%zz:'],
])('%s is shown as %s', (text, shown, login) => {
  const checked = checkUrl('url', text);
  expect(checked.shown).toBe(shown);
  expect(checked.url.href).not.toMatch(/@|#/);
  const expected = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  expect(checked.authorization).toBe(expected);
});

describe('a redirect', () => {
  const place = { url: 'https://host/a', subject: undefined };
  const from = new URL('https://host/a/b');

  test.each([
    ['c?d', 'https://host/a/c?d'],
    ['//other/', 'https://other/'],
    ['https://u:p@other:8443/#x', 'https://other:8443/'],
  ])('to %s goes to %s', (location, to) => {
    expect(redirected(from, location, place).href).toBe(to);
  });

  test('from https to http is refused, the other way it is not', () => {
    expect(() => redirected(from, 'http://user:swordfish@other/?k=swordfish', place)).toThrow(
      'https://host/a: it redirects from https to http://other/?...',
    );
    expect(redirected(new URL('http://host/'), 'https://other/', place).href).toBe('https://other/');
  });
});

describe('slots', () => {
  const never = new AbortController().signal;

  test('are given in the order they were asked for, each once', async () => {
    const slots = new Slots(2);
    const given: number[] = [];
    const taking = [0, 1, 2, 3].map(async (i) => {
      const slot = await slots.take(never);
      given.push(i);
      return slot;
    });
    const first = await taking[0]!;
    await taking[1];
    expect(given).toEqual([0, 1]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await taking[2];
    expect(given).toEqual([0, 1, 2]);
    (await taking[2]!)[Symbol.dispose]();
    await taking[3];
  });

  test('one that gives up waiting takes none, also in the moment it would get one', async () => {
    const slots = new Slots(1);
    const held = await slots.take(never);
    const abort = new AbortController();
    const waiting = slots.take(abort.signal).catch((error: unknown) => error);
    const moment = new AbortController();
    const late = slots.take(moment.signal).catch((error: unknown) => error);
    abort.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
    // The slot is given to it before it has noticed that it gives up.
    moment.abort(new Error('too late'));
    held[Symbol.dispose]();
    expect(await late).toMatchObject({ message: 'too late' });
    (await slots.take(never))[Symbol.dispose]();
    await expect(slots.take(abort.signal)).rejects.toThrow('enough');
  });
});
