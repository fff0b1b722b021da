import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { rawPublicKey, signRequest, verifyRequest } from '../../examples/fleet/src/agent-api/signature.ts';

const keys = generateKeyPairSync('ed25519');
const publicKey = rawPublicKey(keys.publicKey);
const request = { method: 'POST', path: '/v1/machines/1/heartbeat', body: '{"a":1}' };
const nowMs = 1_800_000_000_000;
const windowMs = 60_000;
const signed = signRequest(request, keys.privateKey, publicKey, 7n, nowMs);

test('a signed request proves the key and carries the nonce', () => {
  expect(verifyRequest(request, signed, nowMs, windowMs)).toEqual({ publicKey, nonce: 7n });
});

test('a signature holds for nothing but what was signed', () => {
  expect(verifyRequest({ ...request, method: 'PUT' }, signed, nowMs, windowMs)).toBe('signature');
  expect(verifyRequest({ ...request, path: '/v1/machines/2/heartbeat' }, signed, nowMs, windowMs)).toBe(
    'signature',
  );
  expect(verifyRequest({ ...request, body: '{"a":2}' }, signed, nowMs, windowMs)).toBe('digest');
  const nonce = signed['signature-input'].replace('nonce="7"', 'nonce="8"');
  expect(verifyRequest(request, { ...signed, 'signature-input': nonce }, nowMs, windowMs)).toBe('signature');
});

test('another key cannot sign in the name of this one', () => {
  const other = generateKeyPairSync('ed25519');
  const forged = signRequest(request, other.privateKey, publicKey, 8n, nowMs);
  expect(verifyRequest(request, forged, nowMs, windowMs)).toBe('signature');
});

test('a request is worth nothing outside of the window, on either side', () => {
  expect(verifyRequest(request, signed, nowMs + windowMs, windowMs)).toMatchObject({ nonce: 7n });
  expect(verifyRequest(request, signed, nowMs + windowMs + 1, windowMs)).toBe('created');
  expect(verifyRequest(request, signed, nowMs - windowMs - 1, windowMs)).toBe('created');
});

test('what is missing or malformed is told apart, and none of it throws', () => {
  expect(verifyRequest(request, {}, nowMs, windowMs)).toBe('missing');
  expect(verifyRequest(request, { ...signed, signature: 'agent=:AAAA:' }, nowMs, windowMs)).toBe('malformed');
  const hmac = signed['signature-input'].replace('ed25519', 'hmac-sha256');
  expect(verifyRequest(request, { ...signed, 'signature-input': hmac }, nowMs, windowMs)).toBe('malformed');
  const badKey = signed['signature-input'].replace(/keyid="[^"]*"/, `keyid="${'_'.repeat(43)}"`);
  expect(verifyRequest(request, { ...signed, 'signature-input': badKey }, nowMs, windowMs)).toBe('signature');
});
