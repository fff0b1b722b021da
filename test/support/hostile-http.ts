import { connect as connectSocket, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect } from 'vitest';

/** What came back over one connection. */
export interface Answered {
  /** Statuses of all answers, in order. */
  readonly statuses: readonly number[];
  readonly text: string;
}

/** Behind whatever was sent: a server that has read all of that answers this too, and closes. */
const LAST = Buffer.from('GET /last HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');

/** Sends bytes as they are, and resolves with everything that came until the server closed, or a stream had begun. */
export function exchange(url: string, bytes: Buffer): Promise<Answered> {
  const socket = open(url);
  socket.write(Buffer.concat([bytes, LAST]));
  return answered(socket);
}

export function open(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connectSocket({ host: hostname, port: Number(port) });
  // A server may cut the connection of somebody who writes what it does not read.
  return socket.on('error', () => {});
}

/** Everything that comes over a connection until the server closes it, or a stream of events has begun. */
export function answered(socket: Socket): Promise<Answered> {
  let text = '';
  return new Promise((resolve) => {
    socket.setEncoding('latin1').on('data', (more: string) => {
      text += more;
      if (/\nevent: (data|failure)\n/.test(text)) socket.destroy();
    });
    socket.on('close', () => {
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      resolve({ statuses, text });
    });
  });
}

/** What no answer may say: where the program's files are, what it asked the database, what it is made of. */
const TELLS =
  /\n\s+at |node_modules|\.ts:\d+|\/src\/|\bSELECT\b|\bINSERT\b|\bFROM holdfast|SQLSTATE|syntax error|ECONN|\bTypeError\b|\bZodError\b|x-powered-by/i;

/** Why an answer is none that somebody hostile may get. Undefined: it may. */
export function fault({ statuses, text }: Answered): string | undefined {
  const broken = statuses.find((status) => status >= 500 && status !== 505);
  if (broken !== undefined) return `it answered ${broken}: ${text.slice(0, 400)}`;
  const [said] = (statuses.every((status) => status < 400) ? undefined : TELLS.exec(text)) ?? [];
  return said === undefined ? undefined : `it tells ${JSON.stringify(said)}: ${text.slice(0, 400)}`;
}

const crlf = '\r\n';
const many = (count: number, text: string) => text.repeat(count);

/** Texts that programs trip over. */
export const NASTY: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '..',
  '../../../../etc/passwd',
  '..\\..\\windows',
  '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  '%252e%252e%252f',
  '%00',
  '%zz',
  '%',
  '%c0%ae%c0%ae/',
  '%ff%fe',
  '%ed%a0%80',
  "'; DROP TABLE holdfast.work; --",
  '" OR 1=1',
  '$1',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '-1',
  '1e400',
  'NaN',
  '0x10',
  '9223372036854775808',
  many(400, '9'),
  '2024-99-99T99:99:99Z',
  '0000-00-00',
  'infinity',
  '<script>alert(1)</script>',
  '{"a":',
  '[[[[',
  '\ud800',
  '\uffff',
  '\u202eevil',
  '💣',
  'null',
  'undefined',
  many(3_000, 'x'),
  '00000000-0000-0000-0000-00000000000g',
  '*',
  '\\',
  'a,b;c=d',
];

const nasty = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NASTY) },
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
);

/** JSON that no schema has: wrong types, huge numbers, keys of prototypes, deep trees. */
export const nastyJson: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    'null',
    '[]',
    '{}',
    '1e400',
    '-0',
    many(30, '9'),
    '"a',
    '{"__proto__":{"isAdmin":true}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"args":{"__proto__":"x"},"reason":"r"}',
    '{"a":1,"a":2}',
    '\ufeff{}',
    '{"reason":"\\ud800","args":{}}',
    '{"reason":"\\u0000","args":{}}',
    `${many(5_000, '[')}${many(5_000, ']')}`,
    `${many(5_000, '{"a":')}1${many(5_000, '}')}`,
  ),
  fc.json({ maxDepth: 3, stringUnit: 'binary' }),
);

/** An object of these fields, whose values may be one of `good`, or fit in no way. */
export function objectOf(fields: readonly string[], good: readonly unknown[]): fc.Arbitrary<unknown> {
  const odd = [-1, 0, 1.5, 2 ** 53, 1e308, null, true, [], {}, [[]], many(100_000, 'y')];
  const value = fc.oneof(
    { weight: 10, arbitrary: fc.constantFrom(...good) },
    { weight: 8, arbitrary: nasty },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(...odd) },
  );
  const all = fc.record(Object.fromEntries(fields.map((name) => [name, value])));
  const more = fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'x', ''), value, { maxKeys: 1 });
  return fc.oneof(
    { weight: 8, arbitrary: all },
    { weight: 1, arbitrary: fc.tuple(all, more).map(([one, other]) => ({ ...one, ...other })) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

/** What stands in a request's target behind a route: as it is written, so also what no client would write. */
export function targetOf(
  routes: readonly string[],
  parameters: readonly string[] = [],
): fc.Arbitrary<string> {
  const route = fc.constantFrom(...routes);
  const text = fc
    .tuple(nasty, fc.boolean())
    .map(([one, isEncoded]) =>
      isEncoded ? encodeURIComponent(one.toWellFormed()) : one.replaceAll(/[\s\0]/g, '+'),
    );
  const names = fc.constantFrom(...parameters, 'after', '__proto__', 'constructor', 'name');
  const pair = fc.tuple(names, text).map(([name, one]) => `${name}=${one}`);
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(route, fc.array(pair, { maxLength: 4 }))
        .map(([at, pairs]) => (pairs.length === 0 ? at : `${at}?${pairs.join('&')}`)),
    },
    { weight: 3, arbitrary: fc.tuple(route, text).map(([at, one]) => `${at}/${one}`) },
    { weight: 1, arbitrary: route.map((at) => `http://other.example${at}`) },
    { weight: 1, arbitrary: route.map((at) => `/${at}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '*',
        '/',
        '//',
        '///x',
        '/.',
        '/..',
        '/%',
        'http://',
        'http://[',
        'x:y',
        '/?',
        '/#',
        `/${many(20_000, 'a')}`,
      ),
    },
  );
}

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET', 'POST', 'HEAD') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'PUT',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PATCH',
      'CONNECT',
      'get',
      'G T',
      'G\0T',
      '',
      'PRI',
      'BREW',
      many(5_000, 'A'),
    ),
  },
);

const version = fc.oneof(
  { weight: 8, arbitrary: fc.constant('HTTP/1.1') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'HTTP/1.1x', 'http/1.1', '', 'SIP/2.0'),
  },
);

/** Heads that servers and proxies have read differently, or that are too much. */
const header = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'Host: evil.example',
      'Host: [',
      'Host: a b',
      'Host: 127.0.0.1:99999',
      'Host: \0',
      'Content-Length: 5',
      'Content-Length: 4',
      'Content-Length: -1',
      'Content-Length: +5',
      'Content-Length: 0x5',
      'Content-Length: 5, 5',
      `Content-Length: ${many(40, '9')}`,
      'Content-Length : 5',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: identity',
      'Transfer-Encoding:\tchunked',
      'Transfer-Encoding : chunked',
      ' folded: value',
      'No-Colon',
      ': no name',
      'A\0B: c',
      'A: b\0c',
      'A: \x80\xff',
      '__proto__: x',
      'constructor: x',
      'Expect: 100-continue',
      'Expect: everything',
      'Upgrade: websocket\r\nConnection: Upgrade',
      'Connection: close, Host',
      'Connection: keep-alive',
      'Accept: application/json',
      'Accept-Encoding: gzip;q=x',
      'Range: bytes=0-',
      'Range: bytes=-9999999999999999999999',
      'Range: bytes=9-1,2-3,0-0',
      'Range: bytes=a-b',
      'If-Range: "x"',
      'If-None-Match: *',
      'If-None-Match: "',
      'If-Modified-Since: never',
      'Last-Event-ID: \x01',
      'Cookie: holdfast_console=a.b.c; ; =; x',
      `Cookie: holdfast_console=${many(3_000, '.')}`,
      'Authorization: Bearer ',
      'Authorization: Basic !!',
      'Origin: null',
      'Sec-Fetch-Site: same-origin',
      'Content-Type: application/json',
      'Content-Type: application/json; charset=utf-7',
      'Content-Type: multipart/form-data',
      'Content-Type: ;;;',
      'Content-Encoding: gzip',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-For: ::::',
      'Forwarded: for="',
      'traceparent: 00-00-00-00',
      `X-Large: ${many(20_000, 'x')}`,
      many(2_500, 'a: b\r\n').slice(0, -2),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.string({ unit: 'binary-ascii' }), nasty).map(([name, one]) => `${name}: ${one}`),
  },
);

const body = fc.oneof(
  nastyJson,
  nasty,
  fc.constantFrom(
    '5\r\nhello\r\n0\r\n\r\n',
    '5\r\nhel',
    'zz\r\nhello\r\n0\r\n\r\n',
    `${many(20, 'f')}\r\nx\r\n0\r\n\r\n`,
    '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    `1;${many(20_000, 'e')}\r\nx\r\n0\r\n\r\n`,
    '0\r\nTrailer: x\r\n__proto__: y\r\n\r\n',
    many(100_000, 'z'),
  ),
);

/** One request as bytes, mostly wrong; `headers` are those without which nothing behind the door is reached. */
export function hostileRequest(
  target: fc.Arbitrary<string>,
  headers: () => readonly string[],
): fc.Arbitrary<Buffer> {
  return fc
    .record({
      method,
      target,
      version,
      isKnown: fc.boolean(),
      more: fc.array(header, { maxLength: 4 }),
      body,
      hasLength: fc.boolean(),
      cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 8 }),
    })
    .map((one) => {
      const bytes = Buffer.from(one.body.toWellFormed(), 'utf8');
      const head = [
        `${one.method} ${one.target} ${one.version}`,
        ...(one.isKnown ? headers() : ['Host: 127.0.0.1']),
        ...(one.hasLength ? [`Content-Length: ${bytes.length}`] : []),
        ...one.more,
      ];
      const whole = Buffer.concat([Buffer.from(head.join(crlf) + crlf + crlf, 'utf8'), bytes]);
      return one.cut === null ? whole : whole.subarray(0, Math.floor(one.cut * whole.length));
    });
}

/** A whole and well-formed request. */
export const request = (method: string, target: string, headers: readonly string[], text = ''): Buffer =>
  Buffer.from(
    [`${method} ${target} HTTP/1.1`, ...headers, `Content-Length: ${Buffer.byteLength(text)}`, '', text].join(
      crlf,
    ),
  );

/** The same requests in every run. */
const SEED = 20_261_127;
/** Some of them are never whole, and wait for the server's limit. */
const AT_ONCE = 24;

/**
 * Sends `count` requests, several at once, and fails at an answer that is none for somebody hostile. Gives how often each status
 * was answered; then `stillGood` asks for something good.
 */
export async function bombard(
  url: string,
  requests: fc.Arbitrary<Buffer>,
  { count, stillGood }: { readonly count: number; readonly stillGood: () => Promise<void> },
): Promise<ReadonlyMap<number, number>> {
  const seen = new Map<number, number>();
  const left = fc.sample(requests, { numRuns: count, seed: SEED });
  const wrong: string[] = [];
  const one = async () => {
    for (let bytes = left.pop(); bytes !== undefined; bytes = left.pop()) {
      const got = await exchange(url, bytes);
      for (const status of got.statuses) seen.set(status, (seen.get(status) ?? 0) + 1);
      const why = fault(got);
      if (why !== undefined) wrong.push(`${JSON.stringify(bytes.toString('latin1').slice(0, 800))}: ${why}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  expect(wrong).toEqual([]);
  await stillGood();
  return seen;
}
