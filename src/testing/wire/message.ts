export type Direction = 'to-server' | 'to-client';

/**
 * One message of the PostgreSQL protocol on its way through the proxy. Types of the client and of the server
 * overlap (`C` is Close one way and CommandComplete the other): look at `direction` too.
 */
export interface WireMessage {
  readonly direction: Direction;
  /** The protocol's type byte as a character, or the name of a message that has none. */
  readonly type: string;
  /** Which connection through the proxy, from 1. */
  readonly connection: number;
  /** Position among the messages of this direction of this connection, from 1. */
  readonly index: number;
  /** SQL of Query and Parse, and of Bind and Execute that run what was parsed. */
  readonly sql?: string | undefined;
  /** Command tag of CommandComplete: `COMMIT`, `INSERT 0 1`. */
  readonly tag?: string | undefined;
  /** SQLSTATE of ErrorResponse. */
  readonly sqlState?: string | undefined;
  /** Transaction status of ReadyForQuery: `I` idle, `T` open, `E` failed. */
  readonly status?: string | undefined;
  readonly bytes: Buffer;
}

const REQUEST_CODES: Readonly<Record<number, string>> = {
  80877102: 'cancel-request',
  80877103: 'ssl-request',
  80877104: 'gss-request',
};

/** `startup`, `cancel-request`, `ssl-request` or `gss-request`. */
export function untypedName(bytes: Buffer): string {
  return REQUEST_CODES[bytes.readInt32BE(4)] ?? 'startup';
}

/** The zero-terminated text at `start`, and where the next field begins. */
export function textAt(bytes: Buffer, start: number): { readonly text: string; readonly next: number } {
  const end = bytes.indexOf(0, start);
  return { text: bytes.toString('utf8', start, end), next: end + 1 };
}

/** A field of ErrorResponse: `C` is the SQLSTATE, `M` the message. */
export function errorField(bytes: Buffer, wanted: string): string | undefined {
  for (let at = 5; at < bytes.length && bytes[at] !== 0; ) {
    const { text, next } = textAt(bytes, at + 1);
    if (String.fromCharCode(bytes[at]!) === wanted) return text;
    at = next;
  }
  return undefined;
}
