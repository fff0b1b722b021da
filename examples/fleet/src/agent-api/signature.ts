/**
 * How an agent signs its requests: HTTP Message Signatures (RFC 9421) with ed25519 over the method, the path
 * and the digest of the body (RFC 9530), in one fixed profile, so that verifying needs no general parser and
 * nothing that is signed can be left out. `created` (seconds) bounds how long a captured request is worth
 * anything; `nonce` grows with each request, which the API checks against the last one it accepted.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** The parts of a request that the signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** With the query, without the host. */
  readonly path: string;
  readonly body: string;
}

/** What a valid signature proves. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly nonce: bigint;
}

export type SignatureFault = 'missing' | 'malformed' | 'digest' | 'created' | 'signature';

const INPUT =
  /^agent=(\("@method" "@path" "content-digest"\);created=(\d{1,12});nonce="(\d{1,18})";keyid="([A-Za-z0-9_-]{43})";alg="ed25519")$/;
const SIGNATURE = /^agent=:([A-Za-z0-9+/]{86}==):$/;
/** What precedes the 32 bytes of an ed25519 key in a SubjectPublicKeyInfo. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export const rawPublicKey = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length));

const contentDigest = (body: string) => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

const signatureBase = ({ method, path }: SignedRequest, digest: string, parameters: string) =>
  Buffer.from(
    `"@method": ${method}\n"@path": ${path}\n"content-digest": ${digest}\n"@signature-params": ${parameters}`,
  );

/** The headers that make `request` the signer's own. */
export function signRequest(
  request: SignedRequest,
  privateKey: KeyObject,
  publicKey: Uint8Array,
  nonce: bigint,
  nowMs: number,
): Record<'content-digest' | 'signature-input' | 'signature', string> {
  const digest = contentDigest(request.body);
  const keyId = Buffer.from(publicKey).toString('base64url');
  const created = Math.floor(nowMs / 1000);
  const parameters = `("@method" "@path" "content-digest");created=${created};nonce="${nonce}";keyid="${keyId}";alg="ed25519"`;
  const signature = sign(null, signatureBase(request, digest, parameters), privateKey).toString('base64');
  return {
    'content-digest': digest,
    'signature-input': `agent=${parameters}`,
    signature: `agent=:${signature}:`,
  };
}

/**
 * Checks a request's signature; says who signed it, or what is wrong. It proves possession of the key only:
 * whether the key is the machine's, and the nonce unused, is for the caller to find out.
 *
 * @param windowMs how far `created` may lie from `nowMs`, either way
 */
export function verifyRequest(
  request: SignedRequest,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
  windowMs: number,
): Signer | SignatureFault {
  const { 'content-digest': digest, 'signature-input': input, signature } = headers;
  if (typeof digest !== 'string' || typeof input !== 'string' || typeof signature !== 'string')
    return 'missing';
  const [, parameters, created, nonce, keyId] = INPUT.exec(input) ?? [];
  const [, signed] = SIGNATURE.exec(signature) ?? [];
  if (!parameters || !created || !nonce || !keyId || !signed) return 'malformed';
  if (digest !== contentDigest(request.body)) return 'digest';
  if (Math.abs(nowMs - Number(created) * 1000) > windowMs) return 'created';
  const publicKey = Buffer.from(keyId, 'base64url');
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
  if (!verify(null, signatureBase(request, digest, parameters), key, Buffer.from(signed, 'base64')))
    return 'signature';
  return { publicKey: new Uint8Array(publicKey), nonce: BigInt(nonce) };
}
