import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import fresh from 'fresh';
import { parse } from 'range-parser';
import type { ByteRange } from '../artifacts/index.ts';
import { Refusal } from './refusal.ts';

/** What is sent: bytes that are known before they are there. */
export interface Entity {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Called when bytes are wanted at last. */
  open(range?: ByteRange): Promise<Readable | Uint8Array<ArrayBuffer>>;
}

/**
 * Answers a GET or HEAD after RFC 9110: conditions by ETag before those by date, then one range. More than one range, and one
 * that is not understood, gets everything.
 */
export async function answer(request: Request, entity: Entity): Promise<Response> {
  const { sha256, size } = entity;
  const etag = `"${sha256}"`;
  const headers: Record<string, string> = {
    ...entity.headers,
    etag,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
  };
  const conditions = Object.fromEntries(request.headers);
  if (fresh(conditions, headers)) {
    const { 'content-type': _, 'content-disposition': __, ...kept } = headers;
    return new Response(null, { status: 304, headers: kept });
  }
  headers['content-length'] = String(size);
  if (request.method === 'HEAD') return new Response(null, { headers });
  const range = rangeOf(request, size, etag, headers['last-modified']);
  if (range === 'unsatisfiable')
    throw new Refusal(416, `there are ${size} bytes`, { 'content-range': `bytes */${size}` });
  if (!range) return new Response(bodyOf(await entity.open()), { headers });
  headers['content-length'] = String(range.end - range.start);
  headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${size}`;
  return new Response(bodyOf(await entity.open(range)), { status: 206, headers });
}

function rangeOf(
  { headers }: Request,
  size: number,
  etag: string,
  lastModified: string | undefined,
): ByteRange | 'unsatisfiable' | undefined {
  const wanted = headers.get('range');
  if (wanted === null) return undefined;
  const condition = headers.get('if-range');
  if (condition !== null && condition !== etag && condition !== lastModified) return undefined;
  const { code, type, ranges } = parse(size, wanted);
  if (type !== 'bytes' || (code & MALFORMED) !== 0 || wanted.includes(',')) return undefined;
  const [range] = ranges;
  return range ? { start: range.start, end: range.end + 1 } : 'unsatisfiable';
}

/** Bit of range-parser's code. */
const MALFORMED = 1;

type Body = ConstructorParameters<typeof Response>[0];

const bodyOf = (bytes: Readable | Uint8Array<ArrayBuffer>): Body =>
  bytes instanceof Readable ? (Readable.toWeb(bytes) as unknown as ReadableStream) : bytes;

/**
 * Passes bytes on, and the last of them only when there are as many as announced and, where they are all of an artifact, their
 * SHA-256 is right. Otherwise it fails, so that a reader never takes what it has got for the whole.
 */
export function verified(
  source: Readable,
  expected: { readonly size: number; readonly sha256: string | undefined },
  failed: (error: Error) => void,
): Readable {
  return Readable.from(passOn(source, expected, failed), { objectMode: false });
}

async function* passOn(
  source: AsyncIterable<Uint8Array>,
  { size, sha256 }: { readonly size: number; readonly sha256: string | undefined },
  failed: (error: Error) => void,
): AsyncGenerator<Uint8Array> {
  const hash = sha256 === undefined ? undefined : createHash('sha256');
  let isSending = false;
  let [held, count]: [Uint8Array | undefined, number] = [undefined, 0];
  try {
    for await (const chunk of source) {
      count += chunk.length;
      if (count > size) break;
      hash?.update(chunk);
      if (held) {
        isSending = true;
        yield held;
        isSending = false;
      }
      held = chunk;
    }
    if (count !== size || hash?.digest('hex') !== sha256) throw new Error(DAMAGED);
  } catch (error) {
    // A client that leaves ends it where it waits for the next chunk to be wanted.
    if (!isSending) failed(error as Error);
    throw error;
  }
  if (held) yield held;
}

const DAMAGED = 'the store has other bytes than it should; "holdfast repo verify" mends them';
