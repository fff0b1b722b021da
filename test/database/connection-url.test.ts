import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { MisuseError } from '../../src/base/index.ts';
import { parseUrl, withDatabase, withHost, withTls } from '../../src/database/index.ts';
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
  'postgresql://u:sesame@/d?password=open',
  'postgresql://u:sesame@h1:5432,h2:open/d',
  'postgresql://u:sesame@::1/d',
  'postgresql://u:sesame@h/d?host=open',
  'postgresql://u:sesame@/d?port=open',
  'postgresql://sesame@h/d?user=open',
  'postgresql://u:sesame@h/d?connect_timeout=2s',
  'http://u:sesame@h/d',
  'u:sesame@h/d',
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
  expect(understood(handedOn)).toMatchObject({
    applicationName: 'a',
    transports: [{ rejectUnauthorized: false }],
  });
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

/** What a URL means, with its files as they are now. */
const understood = (url: string) => {
  const address = parseUrl(url);
  return { ...address, transports: address.transports() };
};

const system = userInfo().username;
const at = (host: string, port = 5432) => ({ host, port });
const VERIFIED = { rejectUnauthorized: true, verifyName: true };
const ENCRYPTED = { rejectUnauthorized: false, verifyName: false };

test.each<[url: string, means: object]>([
  ['postgresql://', { hosts: [at('localhost')], user: system, database: system, transports: [undefined] }],
  ['postgres://u@/d', { hosts: [at('localhost')], user: 'u', database: 'd' }],
  ['postgresql://u@h', { database: 'u' }],
  ['postgresql://u@h/', { database: 'u' }],
  ['postgresql://u@h:/d', { hosts: [at('h')] }],
  ['postgresql://u@:26257/d', { hosts: [at('localhost', 26257)] }],
  ['postgresql://u@[::1]:5433,[fe80::1%25eth0]/d', { hosts: [at('::1', 5433), at('fe80::1%eth0')] }],
  ['postgresql://u@h1:5433,h2,h3:5435/d', { hosts: [at('h1', 5433), at('h2'), at('h3', 5435)] }],
  ['postgresql://u@%2Fvar%2Frun%2Fpostgresql/d', { hosts: [at('/var/run/postgresql')] }],
  ['postgresql://%2Ftmp:5433/d', { hosts: [at('/tmp', 5433)] }],
  ['postgresql:///d?host=/var/run/postgresql&port=5433', { hosts: [at('/var/run/postgresql', 5433)] }],
  ['postgresql:///d?host=h1,h2&port=5433', { hosts: [at('h1', 5433), at('h2', 5433)] }],
  ['postgresql:///?host=h1,h2&port=1,2', { hosts: [at('h1', 1), at('h2', 2)] }],
  ['postgresql://?user=a%20b&password=c%26d&dbname=e', { user: 'a b', password: 'c&d', database: 'e' }],
  ['postgresql://u:@h/d', { password: '' }],
  ['postgresql://u@h/a%2Fb', { database: 'a/b' }],
  ['postgresql://u@h/d?sslmode=disable', { transports: [undefined] }],
  ['postgresql://u@h/d?sslmode=allow', { transports: [undefined, ENCRYPTED] }],
  ['postgresql://u@h/d?sslmode=prefer', { transports: [ENCRYPTED, undefined] }],
  ['postgresql://u@h/d?sslmode=require', { transports: [ENCRYPTED] }],
  ['postgresql://u@h/d?sslmode=no-verify', { transports: [ENCRYPTED] }],
  ['postgresql://u@h/d?sslmode=verify-ca', { transports: [{ ...VERIFIED, verifyName: false }] }],
  ['postgresql://u@h/d?sslmode=verify-full', { transports: [VERIFIED] }],
  ['postgresql://u@h/d?ssl=true', { transports: [ENCRYPTED] }],
  ['postgresql://u@h/d?ssl=false', { transports: [undefined] }],
  ['postgresql://u@h/d?sslrootcert=system', { transports: [VERIFIED] }],
  ['postgresql://u@h/d?sslmode=verify-full&sslrootcert=system', { transports: [VERIFIED] }],
  ['postgresql://u@h/d?sslmode=require&channel_binding=require', { requireChannelBinding: true }],
  ['postgresql://u@h/d?channel_binding=prefer', { requireChannelBinding: false }],
  ['postgresql://u@h/d?connect_timeout=15', { connectTimeoutMs: 15_000 }],
  ['postgresql://u@h/d?connect_timeout=1', { connectTimeoutMs: 2_000 }],
  ['postgresql://u@h/d?connect_timeout=0', { connectTimeoutMs: 2 ** 31 - 1 }],
  ['postgresql://u@h/d?application_name=a+b', { applicationName: 'a b' }],
  ['postgresql://u@h/d?fallback_application_name=b', { applicationName: 'b' }],
  ['postgresql://u@h/d?options=endpoint%3Dep-1', { serverOptions: 'endpoint=ep-1' }],
  ['postgresql://u@h/d', { targetSession: 'read-write', inOrder: false, prepare: undefined }],
  ['postgresql://u@h/d?target_session_attrs=any', { targetSession: 'any' }],
  ['postgresql://u@h1,h2/d?load_balance_hosts=disable', { inOrder: true }],
  ['postgresql://u@h/d?pgbouncer=true', { prepare: false }],
  ['postgresql://u@h/d?client_encoding=utf8&gssencmode=prefer&sslsni=1&sslnegotiation=postgres', {}],
])('%s is understood as libpq does', (url, means) => {
  expect(understood(url)).toMatchObject(means);
});

test.each([
  ['service=s', /parameter "service": .*write host, port and database/],
  ['passfile=f', /parameter "passfile": .*PGPASSWORD/],
  ['hostaddr=1.2.3.4', /parameter "hostaddr": .*as the host/],
  ['sslpassword=p', /parameter "sslpassword": .*without a passphrase/],
  ['require_auth=scram-sha-256', /parameter "require_auth": .*channel_binding/],
  ['schema=public', /parameter "schema": .*options=-c/],
  ['connection_limit=1', /parameter "connection_limit": .*pool.max/],
  ['statement_timeout=1', /unknown parameter "statement_timeout".*options=-c/],
  ['sslmode=yes', /^sslmode: "yes" is not one of/],
  ['sslmode=require&sslrootcert=system', /^sslrootcert: "system" wants sslmode=verify-full/],
  ['sslmode=verify-full&sslcert=c', /^tls: sslcert and sslkey go together/],
  ['ssl=yes', /parameter "ssl": "yes" is not one of/],
  ['target_session_attrs=prefer-standby', /"target_session_attrs": "prefer-standby" is not one of/],
  ['channel_binding=on', /"channel_binding": "on" is not one of/],
  ['client_encoding=latin1', /"client_encoding": "latin1" is not UTF8/],
  ['connect_timeout=-1', /"connect_timeout": "-1" is not a whole number/],
  ['application_name=a&application_name=b', /"application_name" is given twice/],
  ['toString=1', /unknown parameter "toString"/],
])('a parameter that cannot be used is refused by name, with what to do: %s', (search, message) => {
  const refusal = () => parseUrl(`postgresql://u:sesame@h/d?${search}`);
  expect(refusal).toThrow(MisuseError);
  expect(refusal).toThrow(message);
  expect(refusal).not.toThrow(/sesame/);
});

test('the URL of another database, and of another host, keeps the rest as it is', () => {
  const url = 'postgresql://u:a%2Fb@h1:1,h2:2/d?sslmode=require&options=-c%20a%3D1';
  expect(withDatabase(url, 'e/f')).toBe(
    'postgresql://u:a%2Fb@h1:1,h2:2/e%2Ff?sslmode=require&options=-c%20a%3D1',
  );
  expect(withHost(url, '::1', 3)).toBe('postgresql://u:a%2Fb@[::1]:3/d?sslmode=require&options=-c%20a%3D1');
  expect(parseUrl(withDatabase('postgresql://?host=/tmp&dbname=d&user=u', 'e'))).toMatchObject({
    ...{ hosts: [at('/tmp')], user: 'u', database: 'e' },
  });
  expect(parseUrl(withHost('postgresql:///d?host=/tmp&port=5', 'h', 6)).hosts).toEqual([at('h', 6)]);
  expect(parseUrl(withTls('postgresql://u@h/d?ssl=true', { mode: 'disable' })).transports()).toEqual([
    undefined,
  ]);
});
