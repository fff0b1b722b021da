import { expect, test } from 'vitest';
import { MisuseError } from '../../src/base/index.ts';
import { parseUrl, withTls } from '../../src/database/index.ts';
import { withEnvironment } from '../../src/database/options.ts';

test.each([
  'postgresql://u:sesame@open@host/d',
  'postgresql://u:sesame/open@host/d',
  'postgresql://u:sesame?open@host/d',
  'postgresql://u:sesame#open@host/d',
  'postgresql://u:12/sesame@host/d',
  'postgresql://u:sesame%zz@host/d',
  'postgresql://u:sesame@host:port/d',
  'postgresql://u:sesame@host/d?password=open',
  'mysql://u:sesame@host/d',
  'postgresql://u:sesame:5432/d',
  'postgresql://u:sesame/d',
  'postgresql://sesame:123456/d',
  'postgresql://h1,u:sesame:5432/d',
  'postgresql://u:sesame?open/d',
])('a URL that cannot be used is refused without its password: %s', (url) => {
  const refusal = () => parseUrl(url);
  expect(refusal).toThrow(MisuseError);
  expect(refusal).not.toThrow(/sesame|open/);
});

test('escaped, any character can be in a password', () => {
  const { user, password, hosts } = parseUrl(
    'postgresql://u:a%40b%2Fc%3F%23%25@h1,h2:26257/d?options=--cluster%3Dx',
  );
  expect({ user, password }).toEqual({ user: 'u', password: 'a@b/c?#%' });
  expect(hosts).toEqual([
    { host: 'h1', port: 5432 },
    { host: 'h2', port: 26257 },
  ]);
});

test('a URL that is handed on carries the TLS settings that were given beside it', () => {
  const handedOn = withTls('postgresql://u@h/d?application_name=a', { mode: 'require' });
  expect(parseUrl(handedOn)).toMatchObject({ applicationName: 'a', tls: { rejectUnauthorized: false } });
  const files = withTls('postgresql://u@h/d', {
    mode: 'verify-full',
    caFile: 'a b.crt',
    certFile: 'c',
    keyFile: 'k',
  });
  expect(Object.fromEntries(new URL(files).searchParams)).toEqual({
    sslmode: 'verify-full',
    sslrootcert: 'a b.crt',
    sslcert: 'c',
    sslkey: 'k',
  });
  expect(withTls('postgresql://u@h/d')).toBe('postgresql://u@h/d');
});

test('the environment is held to the bounds of the options, and an empty variable counts as none', () => {
  expect(() => withEnvironment({}, { HOLDFAST_POOL_MAX: '10001' })).toThrow(/HOLDFAST_POOL_MAX/);
  const empty = { HOLDFAST_DATABASE_URL: '', DATABASE_URL: '', HOLDFAST_DRIVER: '', HOLDFAST_POOL_MAX: '' };
  expect(withEnvironment({}, empty)).toEqual({ pool: {} });
});
