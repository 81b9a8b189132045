import { generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { afterEach, expect, test, vi } from 'vitest';
import { AccessTokens } from './access-tokens.ts';
import { newRefreshToken } from './opaque-tokens.ts';

const SECRET = 'a secret of this test that is long enough';
const OLDER = 'an older secret of this test, long enough';
const who = { userId: '64b000000000000000000001', sessionId: '64b000000000000000000002' };
const options = { secrets: [SECRET], issuer: 'imaginary', audience: 'imaginary-api' };
const tokens = new AccessTokens(options);
const claims = { sub: who.userId, sid: who.sessionId, iss: options.issuer, aud: options.audience };
const signed = (payload: object, settings: jwt.SignOptions = {}, secret: jwt.Secret = SECRET) =>
  jwt.sign(payload, secret, { expiresIn: 60, ...settings });

afterEach(() => void vi.useRealTimers());

test('a token carries sub, sid, iat, exp, iss and aud, signed HS256, for 15 minutes', () => {
  const { text, expiresAt } = tokens.issue(who);
  const decoded = jwt.decode(text, { complete: true });
  const { iat = 0, ...rest } = (decoded?.payload ?? {}) as jwt.JwtPayload;
  expect(decoded?.header.alg).toBe('HS256');
  expect(rest).toEqual({ ...claims, exp: iat + 900 });
  expect(expiresAt).toEqual(new Date((iat + 900) * 1000));
  expect(tokens.verify(text)).toEqual(who);
});

test('after a new secret is put in front, tokens of the older one still verify and new ones use the new one', () => {
  const before = new AccessTokens({ ...options, secrets: [OLDER] });
  const after = new AccessTokens({ ...options, secrets: [SECRET, OLDER] });
  expect(after.verify(before.issue(who).text)).toEqual(who);
  expect(tokens.verify(after.issue(who).text)).toEqual(who);
  expect(() => before.verify(after.issue(who).text)).toThrow();
});

test('an expired token is refused and the message says what to do', () => {
  vi.useFakeTimers();
  const { text } = tokens.issue(who);
  vi.advanceTimersByTime(899_000);
  expect(tokens.verify(text)).toEqual(who);
  vi.advanceTimersByTime(1_000);
  expect(() => tokens.verify(text)).toThrow(/expired.*refreshToken/);
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const unsigned = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${Buffer.from(JSON.stringify({ ...claims, exp: 9_999_999_999 })).toString('base64url')}.`;

test.each([
  ['without a signature (alg none)', unsigned],
  ['signed with an RSA key', signed(claims, { algorithm: 'RS256' }, rsa.privateKey)],
  ['signed with another HMAC', signed(claims, { algorithm: 'HS512' })],
  ['signed with another secret', signed(claims, {}, OLDER)],
  ['for another audience', signed({ ...claims, aud: 'another-api' })],
  ['of another issuer', signed({ ...claims, iss: 'somebody' })],
  ['without an expiry', jwt.sign(claims, SECRET)],
  ['not valid yet', signed(claims, { notBefore: 60 })],
  ['without a session', signed({ ...claims, sid: undefined })],
  ['whose subject is no ObjectId', signed({ ...claims, sub: 'admin' })],
  ['whose session is an operator object', signed({ ...claims, sid: { $ne: null } })],
  ['whose payload is text', jwt.sign('text', SECRET)],
  ['that is a refresh token', newRefreshToken().text],
  ['that is empty', ''],
  ['that is no string', { $ne: null }],
])('a token %s is UNAUTHENTICATED', (_, text) => {
  expect(() => tokens.verify(text)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
});

test('a public key in the list of secrets does not let an RS256 token in', () => {
  const confused = new AccessTokens({ ...options, secrets: [SECRET, publicPem] });
  const swapped = signed(claims, { algorithm: 'RS256' }, rsa.privateKey);
  expect(() => confused.verify(swapped)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
});

test('there is no signing without a secret, nor with an empty one among them', () => {
  expect(() => new AccessTokens({ ...options, secrets: [] })).toThrow(/secret/);
  expect(() => new AccessTokens({ ...options, secrets: [SECRET, ''] })).toThrow(/empty/);
});
