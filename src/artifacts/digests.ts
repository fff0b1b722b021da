import { createHash, type Hash } from 'node:crypto';
import { invalidOption } from '../base/index.ts';

/** Best first: what is compared first, and named in an error. */
export const DIGEST_ALGORITHMS = ['sha512', 'sha384', 'sha256', 'sha1', 'md5'] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/** Digests of one file, in lower-case hex. */
export type Digests = { readonly [A in DigestAlgorithm]?: string | undefined };

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = {
  sha512: 128,
  sha384: 96,
  sha256: 64,
  sha1: 40,
  md5: 32,
};

const isHex = (text: string, length: number) => text.length === length && /^[0-9a-f]+$/.test(text);

/** A SHA-256 as it names an artifact. Throws MisuseError for everything else, so that no name leaves a store. */
export function checkSha256(sha256: string): string {
  if (typeof sha256 !== 'string' || !isHex(sha256, HEX_LENGTH.sha256))
    throw invalidOption('sha256', 'expected 64 hexadecimal digits in lower case');
  return sha256;
}

/** Upper case becomes lower case. Throws MisuseError for what is no digest. */
export function checkDigests(digests: Digests): Digests {
  const checked: Partial<Record<DigestAlgorithm, string>> = {};
  for (const [algorithm, value] of Object.entries(digests) as [string, unknown][]) {
    if (value === undefined) continue;
    if (!isAlgorithm(algorithm))
      throw invalidOption(`digests.${algorithm}`, `expected one of ${DIGEST_ALGORITHMS.join(', ')}`);
    const hex = typeof value === 'string' ? value.toLowerCase() : '';
    if (!isHex(hex, HEX_LENGTH[algorithm]))
      throw invalidOption(`digests.${algorithm}`, `expected ${HEX_LENGTH[algorithm]} hexadecimal digits`);
    checked[algorithm] = hex;
  }
  return checked;
}

const isAlgorithm = (name: string): name is DigestAlgorithm => Object.hasOwn(HEX_LENGTH, name);

/**
 * The digests of a Subresource Integrity text (W3C), such as npm's `sha512-<base64>`; of several of one algorithm the
 * first. Algorithms that it does not know are passed over. Throws MisuseError when no digest is left.
 */
export function parseIntegrity(integrity: string): Digests {
  const digests: Partial<Record<DigestAlgorithm, string>> = {};
  for (const part of integrity.trim().split(/\s+/)) {
    const [, algorithm = '', base64 = ''] = /^([a-z0-9]+)-([A-Za-z0-9+/]+={0,2})(?:\?.*)?$/.exec(part) ?? [];
    if (!isAlgorithm(algorithm)) continue;
    const hex = Buffer.from(base64, 'base64').toString('hex');
    if (isHex(hex, HEX_LENGTH[algorithm])) digests[algorithm] ??= hex;
  }
  if (Object.keys(digests).length === 0)
    throw invalidOption('integrity', 'expected a text such as sha512-<base64>');
  return digests;
}

/** Two files that have it in common are the same one, also when somebody wants them not to be. */
export const hasStrongDigest = ({ sha256, sha384, sha512 }: Digests): boolean =>
  (sha256 ?? sha384 ?? sha512) !== undefined;

/** Takes a file's bytes as they come; SHA-256, SHA-512 and what is declared are worked out at once. */
export class Digester {
  readonly #hashes: ReadonlyMap<DigestAlgorithm, Hash>;

  constructor(declared: Digests = {}) {
    const wanted = DIGEST_ALGORITHMS.filter(
      (one) => one === 'sha256' || one === 'sha512' || declared[one] !== undefined,
    );
    this.#hashes = new Map(wanted.map((one) => [one, createHash(one)]));
  }

  update(chunk: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(chunk);
  }

  /** Once, at the end. */
  digests(): FoundDigests {
    const found = Object.fromEntries([...this.#hashes].map(([one, hash]) => [one, hash.digest('hex')]));
    return found as unknown as FoundDigests;
  }
}

export type FoundDigests = Digests & { readonly sha256: string; readonly sha512: string };
