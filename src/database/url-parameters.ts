import { TARGET_SESSION_ATTRS } from './host-role.ts';

/** What parameters of a URL are checked for beyond their name; the message says what else to write. */
type Check = (value: string) => string | undefined;

const anything: Check = () => undefined;
const oneOf =
  (values: readonly string[], instead: string): Check =>
  (value) =>
    values.includes(value) ? undefined : `is not one of ${values.join(', ')}${instead && `: ${instead}`}`;

/** Parameters that are taken, after libpq's and the big providers' URLs. */
const TAKEN: Readonly<Record<string, Check>> = {
  user: anything,
  password: anything,
  dbname: anything,
  host: anything,
  port: anything,
  sslmode: anything,
  ssl: oneOf(['true', '1', 'false', '0', 'no-verify'], 'sslmode says more'),
  sslrootcert: anything,
  sslcert: anything,
  sslkey: anything,
  application_name: anything,
  fallback_application_name: anything,
  options: anything,
  connect_timeout: (value) =>
    /^\d{1,9}$/.test(value) ? undefined : 'is not a whole number of seconds (0: no limit)',
  target_session_attrs: oneOf(TARGET_SESSION_ATTRS, 'prefer-standby is not known here'),
  load_balance_hosts: oneOf(['random', 'disable'], ''),
  channel_binding: oneOf(['disable', 'prefer', 'require'], ''),
  client_encoding: (value) =>
    /^(utf-?8|auto)$/i.test(value)
      ? undefined
      : 'is not UTF8, which is all that is spoken here: leave it out',
  pgbouncer: oneOf(['true', 'false'], ''),
  // What is done anyway, or never.
  sslnegotiation: oneOf(['postgres'], 'leave it out'),
  sslcompression: oneOf(['0'], 'leave it out'),
  sslsni: oneOf(['1'], 'leave it out'),
  gssencmode: oneOf(['disable', 'prefer'], 'GSSAPI is not spoken here; use TLS'),
  keepalives: oneOf(['1'], 'leave it out: idle connections are always probed'),
};

/** Parameters that others take, and what to do here. */
const REFUSED: Readonly<Record<string, string>> = {
  service: 'service files are libpq’s own: write host, port and database into the URL',
  servicefile: 'service files are libpq’s own: write host, port and database into the URL',
  passfile: 'password files are libpq’s own: put the password into the URL, or into PGPASSWORD',
  hostaddr: 'write the address as the host; for sslmode=verify-full the host is the name in the certificate',
  sslpassword: 'a key without a passphrase is needed: openssl pkey -in KEY -out FILE, and sslkey=FILE',
  sslcrl: 'revocation lists are not read here: leave it out',
  sslcrldir: 'revocation lists are not read here: leave it out',
  ssl_min_protocol_version: 'leave it out: Node takes TLS 1.2 and newer (NODE_OPTIONS=--tls-min-v1.3)',
  ssl_max_protocol_version: 'leave it out: Node takes TLS 1.2 and newer',
  require_auth: 'leave it out; channel_binding=require or sslmode=verify-full prove the server',
  krbsrvname: 'GSSAPI is not spoken here: use a password or a client certificate',
  gsslib: 'GSSAPI is not spoken here: use a password or a client certificate',
  replication: 'leave it out: a replication connection takes no statements',
  schema: 'leave it out; for a search path options=-c%20search_path%3DNAME',
  search_path: 'a setting of the server goes into options=-c%20search_path%3DNAME',
  sslaccept: 'write sslmode=require (accept_invalid_certs) or sslmode=verify-full (strict)',
  sslidentity: 'give PEM files by sslcert and sslkey',
  connection_limit: 'leave it out and use the option pool.max',
  pool_timeout: 'leave it out and use the option pool.acquireTimeoutMs',
  statement_cache_size: 'leave it out and use the option prepare: false',
  uselibpqcompat: 'leave it out: sslmode means here what libpq says',
};

/** Throws what `refusal` makes for a parameter that cannot be used, by name. Values of secrets are not quoted. */
export function readParameters(
  search: string,
  refusal: (message: string) => Error,
): { get(name: string): string | undefined } {
  const given = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    const check = Object.hasOwn(TAKEN, name) ? TAKEN[name] : undefined;
    if (Object.hasOwn(REFUSED, name)) throw refusal(`parameter "${name}": ${REFUSED[name]}`);
    if (!check)
      throw refusal(
        `unknown parameter "${name}"; known are ${Object.keys(TAKEN).join(', ')}; a setting of the server goes into options=-c%20NAME%3DVALUE`,
      );
    if (given.has(name)) throw refusal(`parameter "${name}" is given twice`);
    const complaint = value === '' ? undefined : check(value);
    if (complaint !== undefined) throw refusal(`parameter "${name}": "${value}" ${complaint}`);
    given.set(name, value);
  }
  return { get: (name) => given.get(name) || undefined };
}
